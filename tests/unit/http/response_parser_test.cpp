// SPDX-License-Identifier: Apache-2.0
#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

std::string ok(const std::string& fields) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
}

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// "200" for an accepted head of that status, else the word of the refusal or "need more".
std::string verdict_of(const std::string& data, const ResponseLimits& limits = {}) {
  const std::string fed = feed_all_ways<ResponseParser>(data, limits);
  ResponseParser parser(limits);
  switch (parser.parse(data)) {
    case Status::kNeedMore:
      return fed;
    case Status::kDone:
      return std::to_string(parser.head().status);
    default:
      break;
  }
  CHECK(parser.reject().status == 502);
  CHECK(parser.reject().text == "unusable reply of an upstream");
  return std::string(parser.reject().reason);
}

const std::string kInterim = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
const std::string kFinal = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

std::vector<Case> responses() {
  return {
      {"with a length", kFinal, "200"},
      {"no reason phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200"},
      {"no space for a reason phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200"},
      {"long reason phrase", "HTTP/1.1 429 Too\tMany \x80 Requests\r\n\r\n", "429"},
      {"HTTP/1.0", "HTTP/1.0 503 X\r\n\r\n", "503"},
      {"redirect", "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "301"},
      {"HTTP/0.9", "{\"jsonrpc\":\"2.0\"}\r\n", "bad_status_line"},
      {"HTML at once", "<html>\r\n</html>\r\n", "bad_status_line"},
      {"garbage", bytes("\x16\x03\x01\x00garbage"), "bad_status_line"},
      {"empty line before", "\r\n" + kFinal, "bad_status_line"},
      {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", "bad_status_line"},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", "bad_status_line"},
      {"lower case", "http/1.1 200 OK\r\n\r\n", "bad_status_line"},
      {"two spaces", "HTTP/1.1  200 OK\r\n\r\n", "bad_status_line"},
      {"two digits", "HTTP/1.1 20 OK\r\n\r\n", "bad_status_line"},
      {"four digits", "HTTP/1.1 2000 OK\r\n\r\n", "bad_status_line"},
      {"sign", "HTTP/1.1 +20 OK\r\n\r\n", "bad_status_line"},
      {"letters", "HTTP/1.1 2xx OK\r\n\r\n", "bad_status_line"},
      {"status below 100", "HTTP/1.1 099 OK\r\n\r\n", "bad_status_line"},
      {"status 600", "HTTP/1.1 600 OK\r\n\r\n", "bad_status_line"},
      {"no status", "HTTP/1.1\r\n\r\n", "bad_status_line"},
      {"ended by LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "bad_status_line"},
      {"length and coding", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
       "length_and_coding"},
      {"coding and length", ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
       "length_and_coding"},
      {"two lengths", ok("Content-Length: 5\r\nContent-Length: 6\r\n"), "bad_content_length"},
      {"two equal lengths", ok("Content-Length: 5\r\nContent-Length: 5\r\n"), "bad_content_length"},
      {"list of lengths", ok("Content-Length: 5, 5\r\n"), "bad_content_length"},
      {"length too big", ok("Content-Length: 18446744073709551616\r\n"), "bad_content_length"},
      {"huge length", ok("Content-Length: 18446744073709551615\r\n"), "200"},
      {"chunked twice", ok("Transfer-Encoding: chunked, chunked\r\n"), "bad_transfer_encoding"},
      {"chunked in two fields", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       "bad_transfer_encoding"},
      {"gzip", ok("Transfer-Encoding: gzip\r\n"), "bad_transfer_encoding"},
      {"gzip, chunked", ok("Transfer-Encoding: gzip, chunked\r\n"),
       "unsupported_transfer_encoding"},
      {"chunked on HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       "bad_transfer_encoding"},
      {"folded", ok("A: b\r\n c\r\n"), "obs_fold"},
      {"bare LF", ok("A: b\n"), "bad_line_ending"},
      {"NUL", ok(bytes("A: b\0c\r\n")), "control_byte"},
      {"space before the colon", ok("Content-Length : 5\r\n"), "bad_field_name"},
      {"bad Connection", ok("Connection: a b\r\n"), "bad_connection"},
      {"128 fields", ok(repeat("a: b\r\n", 128)), "200"},
      {"129 fields", ok(repeat("a: b\r\n", 129)), "too_many_fields"},
      {"32 KiB of field", ok("a: " + std::string(32768, 'x') + "\r\n"), "head_too_large"},
      {"underscores are nobody's business here", ok("a_b: c\r\n"), "200"},
      {"interim before", "HTTP/1.1 100 Continue\r\n\r\n" + kFinal, "200"},
      {"eight interims before", repeat(kInterim, 8) + kFinal, "200"},
      {"nine interims before", repeat(kInterim, 9) + kFinal, "too_many_interim"},
      {"interims without end", repeat(kInterim, 100), "too_many_interim"},
      {"interim alone", kInterim, "need more"},
      {"interim with a length", "HTTP/1.1 100 C\r\nContent-Length: 2\r\n\r\n{}" + kFinal,
       "unexpected_body"},
      {"interim, chunked", "HTTP/1.1 103 C\r\nTransfer-Encoding: chunked\r\n\r\n" + kFinal,
       "unexpected_body"},
      {"fields of an interim do not count", "HTTP/1.1 103 C\r\nContent-Length: 0\r\n\r\n" + kFinal,
       "200"},
      {"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
       "unexpected_upgrade"},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", "204"},
      {"204 with a length of 0", "HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n", "204"},
      {"204 with a body", "HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\n{}", "unexpected_body"},
      {"204, chunked", "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n", "unexpected_body"},
      {"304 with the length of what it spares", "HTTP/1.1 304 N\r\nContent-Length: 2\r\n\r\n",
       "304"},
      {"nothing", "", "need more"},
      {"part of a version", "HTT", "need more"},
  };
}

}  // namespace

TEST_CASE("responses are taken or refused by the rules of RFC 9112") {
  for (const Case& row : responses()) {
    INFO(row.name);
    CHECK(verdict_of(row.data) == row.expected);
  }
}

TEST_CASE("framing and persistence of a response") {
  struct Row {
    std::string data;
    bool keep_alive, chunked, has_length, close_delimited;
    std::uint64_t length;
  };
  const std::vector<Row> rows = {
      {kFinal, true, false, true, false, 2},
      {ok("Transfer-Encoding: chunked\r\n"), true, true, false, false, 0},
      {ok(""), false, false, false, true, 0},
      {ok("Connection: keep-alive\r\n"), false, false, false, true, 0},
      {ok("Content-Length: 2\r\nConnection: close\r\n"), false, false, true, false, 2},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", false, false, true, false, 2},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n", true, false, true,
       false, 2},
      {"HTTP/1.1 204 N\r\n\r\n", true, false, true, false, 0},
      {"HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n", true, false, true, false, 0},
      {"HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n", true, false, true, false, 0},
      {"HTTP/1.1 500 E\r\nContent-Length: 2\r\n\r\n", true, false, true, false, 2},
  };
  for (const Row& row : rows) {
    INFO(row.data);
    ResponseParser parser{ResponseLimits{}};
    REQUIRE(parser.parse(row.data) == Status::kDone);
    const ResponseHead& head = parser.head();
    CHECK(head.keep_alive == row.keep_alive);
    CHECK(head.chunked == row.chunked);
    CHECK(head.has_length == row.has_length);
    CHECK(head.close_delimited == row.close_delimited);
    CHECK(head.content_length == row.length);
  }
}

TEST_CASE("known response fields are found, the first of several counts") {
  ResponseParser parser{ResponseLimits{}};
  const std::string data =
      kInterim +
      "HTTP/1.1 429 Slow Down\r\nCONTENT-TYPE: text/html\r\nContent-Encoding: gzip\r\n"
      "Retry-After: 3\r\nLocation: /y\r\nretry-after: 9\r\nContent-Length: 0\r\n\r\n";
  const std::string received = data + "rest";
  REQUIRE(parser.parse(received) == Status::kDone);
  CHECK(parser.head().status == 429);
  CHECK(parser.head().content_type == "text/html");
  CHECK(parser.head().content_encoding == "gzip");
  CHECK(parser.head().retry_after == "3");
  CHECK(parser.head().location == "/y");
  CHECK(parser.head().fields().size() == 6);
  CHECK(parser.head().fields().find("link").data() == nullptr);
  CHECK(parser.head_bytes() == data.size());
}

TEST_CASE("a 101 that was asked for ends the HTTP part") {
  const std::string data =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: x\r\n\r\n";
  ResponseParser parser{ResponseLimits{}};
  parser.reset(true);
  const std::string received = kInterim + data + "\x81";
  REQUIRE(parser.parse(received) == Status::kDone);
  CHECK(parser.head().status == 101);
  CHECK(parser.head_bytes() == kInterim.size() + data.size());
  CHECK(parser.head().fields().find("sec-websocket-accept") == "x");
  CHECK(parser.head().has_length);
  CHECK(parser.head().content_length == 0);
  parser.reset();
  CHECK(parser.parse(data) == Status::kReject);
}

TEST_CASE("nothing of one response shows in the next") {
  ResponseParser parser{ResponseLimits{}};
  const std::string first = repeat(kInterim, 8) + "HTTP/1.0 429 X\r\nRetry-After: 1\r\n\r\n";
  REQUIRE(parser.parse(first) == Status::kDone);
  ResponseParser fresh{ResponseLimits{}};
  const std::string second = repeat(kInterim, 8) + kFinal;
  REQUIRE(fresh.parse(second) == Status::kDone);
  parser.reset();
  REQUIRE(parser.parse(second) == Status::kDone);
  CHECK(facts(parser) == facts(fresh));
  parser.release();
  REQUIRE(parser.parse(second) == Status::kDone);
  CHECK(facts(parser) == facts(fresh));
}

TEST_CASE("views of a response follow the buffer") {
  const std::string data = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
  ResponseParser parser{ResponseLimits{}};
  auto first = std::make_unique<HeapCopy>(data);
  const HeapCopy second(data);
  REQUIRE(parser.parse(first->view()) == Status::kDone);
  REQUIRE(parser.parse(second.view()) == Status::kDone);
  first.reset();
  CHECK(parser.head().content_type.data() == second.view().data() + data.find("application"));
  CHECK(parser.head().fields().find("Content-Type") == "application/json");
}
