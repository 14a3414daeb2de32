// SPDX-License-Identifier: Apache-2.0
#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

const std::string kRest =
    "\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

std::vector<Case> request_lines() {
  const auto line = [](const std::string& text) { return text + kRest; };
  return {
      {"plain POST", line("POST / HTTP/1.1"), "ok"},
      {"POST to a path with a query", line("POST /mainnet/key?priority=low HTTP/1.1"), "ok"},
      {"HTTP/1.0", line("POST / HTTP/1.0"), "ok"},
      {"GET without a body", "GET / HTTP/1.1\r\nHost: node\r\n\r\n", "ok"},
      {"HEAD without a body", "HEAD / HTTP/1.1\r\nHost: node\r\n\r\n", "ok"},
      // Method.
      {"separators in the method", line("G=\":<>(e) / HTTP/1.1"), "400 bad_request_line"},
      {"lower-case method is another method", line("post / HTTP/1.1"), "405 method_not_allowed"},
      {"unknown method", line("FOO / HTTP/1.1"), "405 method_not_allowed"},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: node\r\n\r\n", "405 method_not_allowed"},
      {"PUT", line("PUT / HTTP/1.1"), "405 method_not_allowed"},
      {"PATCH", line("PATCH / HTTP/1.1"), "405 method_not_allowed"},
      {"DELETE with a body", line("DELETE / HTTP/1.1"), "405 method_not_allowed"},
      {"CONNECT", "CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n", "405 method_not_allowed"},
      {"CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: host\r\n\r\n", "400 bad_target"},
      {"CONNECT without a port", "CONNECT host HTTP/1.1\r\nHost: host\r\n\r\n", "400 bad_target"},
      {"empty method", line(" / HTTP/1.1"), "400 bad_request_line"},
      {"method of 32 bytes", line(std::string(32, 'M') + " / HTTP/1.1"), "405 method_not_allowed"},
      {"method of 33 bytes", line(std::string(33, 'M') + " / HTTP/1.1"), "400 bad_request_line"},
      {"a line of letters without end", std::string(20000, 'A'), "400 bad_request_line"},
      {"method with a byte above 0x7F", line("P\xD0ST / HTTP/1.1"), "400 bad_request_line"},
      // Version.
      {"HTTP/0.9 without a version", "GET /\r\n\r\n", "400 bad_request_line"},
      {"nothing after the target", "GET / \r\n\r\n", "400 bad_version"},
      {"HTTP/1.2", line("POST / HTTP/1.2"), "505 unsupported_version"},
      {"HTTP/9.9", line("POST / HTTP/9.9"), "505 unsupported_version"},
      {"HTTP/2.0", line("POST / HTTP/2.0"), "505 unsupported_version"},
      {"HTTP/0.9", line("POST / HTTP/0.9"), "505 unsupported_version"},
      {"HTTP/1.32", line("POST / HTTP/1.32"), "400 bad_version"},
      {"HTTP/11.1", line("POST / HTTP/11.1"), "400 bad_version"},
      {"HTTP/1.", line("POST / HTTP/1."), "400 bad_version"},
      {"HTTP/1", line("POST / HTTP/1"), "400 bad_version"},
      {"HTTP/1,1", line("POST / HTTP/1,1"), "400 bad_version"},
      {"huge numbers", line("POST / HTTP/4294967295.255"), "400 bad_version"},
      {"lower case", line("POST / http/1.1"), "400 bad_version"},
      {"another protocol", line("POST / HTTQ/1.1"), "400 bad_version"},
      {"text after the version", line("POST / HTTP/1.1x"), "400 bad_version"},
      {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 unsupported_version"},
      // Spaces and line ends.
      {"two spaces before the target", line("POST  / HTTP/1.1"), "400 bad_request_line"},
      {"two spaces after the target", line("POST /  HTTP/1.1"), "400 bad_request_line"},
      {"trailing space", line("POST / HTTP/1.1 "), "400 bad_request_line"},
      {"tab for a space", line("POST\t/ HTTP/1.1"), "400 bad_request_line"},
      {"tab before the version", line("POST /\tHTTP/1.1"), "400 bad_request_line"},
      {"LF for a space", line("POST\n/ HTTP/1.1"), "400 bad_request_line"},
      {"CR in the line", line("POST /\rHTTP/1.1"), "400 bad_request_line"},
      {"ended by LF", "POST / HTTP/1.1\nHost: node\r\n\r\n", "400 bad_request_line"},
      {"LF for every line end", "GET / HTTP/1.1\nHost: node\n\n", "400 bad_request_line"},
      {"ended by CR CR LF", "GET / HTTP/1.1\r\r\nHost: node\r\n\r\n", "400 bad_request_line"},
      {"one empty line before", "\r\n" + line("POST / HTTP/1.1"), "ok"},
      {"two empty lines before", "\r\n\r\n" + line("POST / HTTP/1.1"), "ok"},
      {"three empty lines before", "\r\n\r\n\r\n" + line("POST / HTTP/1.1"),
       "400 bad_request_line"},
      {"LF before", "\n" + line("POST / HTTP/1.1"), "400 bad_request_line"},
      {"CR before", "\r" + line("POST / HTTP/1.1"), "400 bad_request_line"},
      {"space before", " " + line("POST / HTTP/1.1"), "400 bad_request_line"},
      {"TLS handshake", bytes("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "400 tls_on_plain"},
      {"TLS after an empty line", bytes("\r\n\x16\x03\x01"), "400 bad_request_line"},
      {"nothing", "", "need more"},
      {"part of a method", "PO", "need more"},
  };
}

std::vector<Case> targets() {
  const auto post = [](const std::string& target) {
    return "POST " + target + " HTTP/1.1" + kRest;
  };
  return {
      {"absolute, same host", post("http://node/"), "ok"},
      {"absolute, case of host and scheme ignored", post("HTTP://NODE/x"), "ok"},
      {"absolute, no path", post("http://node"), "ok"},
      {"absolute, query at once", post("http://node?x=1"), "ok"},
      {"absolute, default port", post("http://node:80/"), "ok"},
      {"absolute, https and its port", post("https://node:443/"), "ok"},
      {"absolute, other host", post("http://evil/"), "400 host_mismatch"},
      {"absolute, other port", post("http://node:8545/"), "400 host_mismatch"},
      {"absolute, https on port 80", post("https://node:80/"), "400 host_mismatch"},
      {"absolute, userinfo", post("http://a@node/"), "400 bad_target"},
      {"absolute, userinfo with a password", post("http://a:b@node/"), "400 bad_target"},
      {"absolute, no host", post("http:///"), "400 bad_target"},
      {"absolute, empty port", post("http://node:/"), "400 bad_target"},
      {"absolute, other scheme", post("ftp://node/"), "400 bad_target"},
      {"absolute, scheme alone", post("http:"), "400 bad_target"},
      {"absolute, empty Host", "GET http://node/ HTTP/1.1\r\nHost:\r\n\r\n", "400 host_mismatch"},
      {"absolute, 1.0 without Host", "GET http://node/ HTTP/1.0\r\n\r\n", "ok"},
      {"absolute, ports equal", "GET http://[::1]:9/ HTTP/1.1\r\nHost: [::1]:9\r\n\r\n", "ok"},
      {"asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: node\r\n\r\n", "ok"},
      {"OPTIONS with a path", "OPTIONS /x HTTP/1.1\r\nHost: node\r\n\r\n", "ok"},
      {"asterisk for POST", post("*"), "400 bad_target"},
      {"asterisk and more", "OPTIONS */x HTTP/1.1\r\nHost: node\r\n\r\n", "400 bad_target"},
      {"authority form", post("node:80"), "400 bad_target"},
      {"no leading slash", post("path"), "400 bad_target"},
      {"query alone", post("?x"), "400 bad_target"},
      {"two slashes are a path", post("//node/"), "ok"},
      {"fragment", post("/x#y"), "400 bad_target"},
      {"backslash", post("/x\\y"), "400 bad_target"},
      {"space", post("/x y"), "400 bad_request_line"},
      {"tab", post("/x\ty"), "400 bad_target"},
      {"quote", post("/x\"y"), "400 bad_target"},
      {"angle bracket", post("/<x>"), "400 bad_target"},
      {"NUL", bytes("POST /x\0y HTTP/1.1") + kRest, "400 bad_request_line"},
      {"DEL", post("/x\x7Fy"), "400 bad_request_line"},
      {"0x80", post("/x\x80y"), "400 bad_target"},
      {"0xFF", post("/\xFF"), "400 bad_target"},
      {"percent forms stay as they are", post("/%00/%2e%2e/../x"), "ok"},
      {"braces as browsers send them", post("/?affinity={a|b}"), "ok"},
  };
}

}  // namespace

TEST_CASE("request lines are taken or refused by the rules of RFC 9112") {
  for (const Case& row : request_lines()) {
    INFO(row.name);
    CHECK(verdict(row.data) == row.expected);
  }
}

TEST_CASE("targets are taken or refused by their form") {
  for (const Case& row : targets()) {
    INFO(row.name);
    CHECK(verdict(row.data) == row.expected);
  }
}

TEST_CASE("a target is split into path and query, undecoded") {
  struct Row {
    std::string line, path, query;
  };
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1", "/", ""},
      {"GET /a/b?c=d?e HTTP/1.1", "/a/b", "c=d?e"},
      {"GET /a? HTTP/1.1", "/a", ""},
      {"GET /%2e%2e/.. HTTP/1.1", "/%2e%2e/..", ""},
      {"GET http://node/x?y HTTP/1.1", "/x", "y"},
      {"GET http://node?y HTTP/1.1", "/", "y"},
      {"GET http://node HTTP/1.1", "/", ""},
      {"OPTIONS * HTTP/1.1", "*", ""},
      {"CONNECT node:1 HTTP/1.1", "", ""},
  };
  for (const Row& row : rows) {
    INFO(row.line);
    const Parsed head(row.line + "\r\nHost: node\r\n\r\n");
    CHECK(head->path == row.path);
    CHECK(head->query == row.query);
  }
}

TEST_CASE("methods are told apart") {
  const std::vector<std::pair<std::string, Method>> rows = {
      {"GET", Method::kGet},         {"HEAD", Method::kHead},     {"POST", Method::kPost},
      {"PUT", Method::kPut},         {"DELETE", Method::kDelete}, {"CONNECT", Method::kConnect},
      {"OPTIONS", Method::kOptions}, {"TRACE", Method::kTrace},   {"PATCH", Method::kPatch},
      {"get", Method::kOther},       {"POSTS", Method::kOther},   {"POS", Method::kOther},
  };
  for (const auto& [name, method] : rows) CHECK(parse_method(name) == method);
}

TEST_CASE("limits of the request line and the head end in 414 and 431") {
  const auto target = [](std::size_t size) { return "/" + std::string(size - 1, 'a'); };
  const auto post = [](const std::string& text) { return "POST " + text + " HTTP/1.1" + kRest; };
  CHECK(verdict(post(target(8192))) == "ok");
  CHECK(verdict(post(target(8193))) == "414 target_too_long");
  CHECK(verdict(post(target(20 * 1024))) == "414 target_too_long");
  CHECK(verdict("GET " + target(20 * 1024)) == "414 target_too_long");
  RequestLimits narrow;
  narrow.target_bytes_max = 100000;
  CHECK(verdict(post(target(20 * 1024)), narrow) == "414 target_too_long");

  const std::string start = "GET / HTTP/1.1\r\nHost: node\r\nX: ";
  const auto head = [&](std::size_t size) {
    return start + std::string(size - start.size() - 4, 'v') + "\r\n\r\n";
  };
  CHECK(verdict(head(16384)) == "ok");
  CHECK(verdict(head(16385)) == "431 head_too_large");
  CHECK(verdict(head(40000)) == "431 head_too_large");
  CHECK(verdict(start + std::string(20000, 'v')) == "431 head_too_large");
}

TEST_CASE("a body and later messages behind the head are left alone") {
  const std::string one = "POST / HTTP/1.1\r\nHost: n\r\nContent-Length: 2\r\n\r\n";
  const Parsed head(one + "{}" + one + "[]");
  CHECK(head.parser().head_bytes() == one.size());
  const Parsed shifted("\r\n\r\n" + one);
  CHECK(shifted.parser().head_bytes() == one.size() + 4);
}

TEST_CASE("a megabyte of head, byte by byte, is linear work") {
  RequestLimits limits;
  limits.head_bytes_max = std::size_t{1} << 20;
  const std::string data =
      "GET / HTTP/1.1\r\nHost: node\r\nX: " + std::string(limits.head_bytes_max, 'v');
  RequestParser parser(limits);
  Status status = Status::kNeedMore;
  std::size_t size = 0;
  while (status == Status::kNeedMore)
    status = parser.parse(std::string_view(data).substr(0, ++size));
  CHECK(size == limits.head_bytes_max);
  CHECK(parser.reject().reason == "head_too_large");
}
