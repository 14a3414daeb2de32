// SPDX-License-Identifier: Apache-2.0
#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: node\r\n" + fields + "\r\n";
}

std::string hosted(const std::string& fields) {
  return "GET / HTTP/1.1\r\n" + fields + "\r\n";
}

std::string many(std::size_t count) {
  std::string fields;
  for (std::size_t i = 0; i < count; ++i) fields += "a" + std::to_string(i) + ":\r\n";
  return fields;
}

std::vector<Case> hosts() {
  std::vector<Case> rows = {
      {"none", hosted(""), "400 missing_host"},
      {"none on HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "ok"},
      {"two, different", hosted("Host: a\r\nHost: b\r\n"), "400 duplicate_field"},
      {"two, equal", hosted("Host: a\r\nHost: a\r\n"), "400 duplicate_field"},
      {"two on HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", "400 duplicate_field"},
      {"empty is left to the owner", hosted("Host:\r\n"), "ok"},
  };
  for (const char* good :
       {"node", "NODE.example.com", "a_b-c.d~e", "127.0.0.1", "127.0.0.1:8545", "node:1",
        "node:65535", "[::1]", "[::1]:8545", "[2001:db8::a:1]", "[::ffff:1.2.3.4]"}) {
    rows.push_back({good, hosted("Host: " + std::string(good) + "\r\n"), "ok"});
  }
  for (const char* bad : {"a b",       "a/b",         "a@b",
                          "a,b",       "a\tb",        "a?b",
                          "a#b",       "a\\b",        "a%41",
                          "a;b",       "a\"b",        "a\xC3\xA9",
                          ":80",       "node:",       "node:x",
                          "node:80x",  "node:-1",     "node:+80",
                          "node:0",    "node:65536",  "node:123456",
                          "a:b:80",    "::1",         "[::1",
                          "::1]",      "[]",          "[:::]",
                          "[::1]x",    "[::1]:",      "[::1%25eth0]",
                          "[v1.x]",    "[127.0.0.1]", "[1:2:3:4:5:6:7:8:9]",
                          "node:80:80"}) {
    rows.push_back({bad, hosted("Host: " + std::string(bad) + "\r\n"), "400 bad_host"});
  }
  rows.push_back({"255 bytes", hosted("Host: " + std::string(255, 'a') + "\r\n"), "ok"});
  rows.push_back({"256 bytes", hosted("Host: " + std::string(256, 'a') + "\r\n"), "400 bad_host"});
  return rows;
}

std::vector<Case> lines() {
  std::vector<Case> rows = {
      {"empty name", get(": x\r\n"), "400 bad_field_name"},
      {"space in the name", get("a b: x\r\n"), "400 bad_field_name"},
      {"space before the colon", get("a : x\r\n"), "400 bad_field_name"},
      {"tab before the colon", get("a\t: x\r\n"), "400 bad_field_name"},
      {"bracket in the name", get("a[b: x\r\n"), "400 bad_field_name"},
      {"0x80 in the name", get("a\x80: x\r\n"), "400 bad_field_name"},
      {"control in the name", get("a\x01: x\r\n"), "400 control_byte"},
      {"no colon", get("Content-Length 10\r\n"), "400 bad_field_name"},
      {"no colon at all", get("garbage\r\n"), "400 bad_field_name"},
      {"no value", get("a:\r\n"), "ok"},
      {"value without a space", get("a:b\r\n"), "ok"},
      {"value with bytes above 0x7F", get("a: \x80\xFF\r\n"), "ok"},
      {"value with a tab inside", get("a: b\tc\r\n"), "ok"},
      {"NUL in the value", get(bytes("a: b\0c\r\n")), "400 control_byte"},
      {"bare CR in the value", get("a: b\rc\r\n"), "400 bad_line_ending"},
      {"bare LF in the value", get("a: b\nc: d\r\n"), "400 bad_line_ending"},
      {"line ended by LF", get("a: b\n"), "400 bad_line_ending"},
      {"line ended by CR CR LF", get("a: b\r\r\n"), "400 bad_line_ending"},
      {"line ended by LF CR", get("a: b\n\r"), "400 bad_line_ending"},
      {"DEL in the value", get("a: b\x7F\r\n"), "400 control_byte"},
      {"escape sequence", get("User-Agent: a\x1b[31m\"}\r\n"), "400 control_byte"},
      {"quotes and braces", get("User-Agent: a[31m\"}\r\n"), "ok"},
      {"folded by a space", get("a: b\r\n c\r\n"), "400 obs_fold"},
      {"folded by a tab", get("a: b\r\n\tc\r\n"), "400 obs_fold"},
      {"line of one space", get(" \r\n"), "400 obs_fold"},
      {"first line starts with a space", hosted(" Host: node\r\n"), "400 obs_fold"},
      {"first line starts with a tab", hosted("\tHost: node\r\n"), "400 obs_fold"},
      {"head ended by LF", "GET / HTTP/1.1\r\nHost: node\r\n\n", "400 bad_line_ending"},
      {"head ended by CR alone", "GET / HTTP/1.1\r\nHost: node\r\n\rX", "400 bad_line_ending"},
      {"head not ended", "GET / HTTP/1.1\r\nHost: node\r\n", "need more"},
      {"head not ended, CR seen", "GET / HTTP/1.1\r\nHost: node\r\n\r", "need more"},
      {"63 fields and Host", get(many(63)), "ok"},
      {"64 fields and Host", get(many(64)), "431 too_many_fields"},
      {"a hundred thousand fields", get(many(100000)), "431 too_many_fields"},
      {"dropped fields count", get([] {
         std::string fields;
         for (int i = 0; i < 64; ++i) fields += "a_b: c\r\n";
         return fields;
       }()),
       "431 too_many_fields"},
      {"field of 16 KiB", get("a: " + std::string(16384, 'x') + "\r\n"), "431 head_too_large"},
      {"name of 16 KiB", get(std::string(16384, 'x') + ": a\r\n"), "431 head_too_large"},
      {"ten thousand commas", get("Accept-Encoding: " + std::string(10000, ',') + "\r\n"), "ok"},
      {"ten thousand options", get("Connection: " + std::string(10000, ',') + "\r\n"), "ok"},
      {"cookies, ranges and conditions are ignored",
       get("Cookie: a=b\r\nRange: bytes=0-1\r\nIf-Match: *\r\n"), "ok"},
  };
  for (int c = 1; c < 0x20; ++c) {
    if (c == '\t') continue;
    rows.push_back({"control byte " + std::to_string(c),
                    get("a: b" + std::string(1, static_cast<char>(c)) + "c\r\n"),
                    c == '\r' || c == '\n' ? "400 bad_line_ending" : "400 control_byte"});
  }
  for (const char* once :
       {"Authorization", "X-API-Key", "Sec-WebSocket-Key", "Content-Type", "Origin",
        "Sec-WebSocket-Version", "Content-Encoding", "X-Sluice-Priority", "X-Sluice-Timeout",
        "X-Sluice-Affinity", "X-Sluice-Use-Upstream", "X-Sluice-Debug"}) {
    const std::string line = std::string(once) + ": x\r\n";
    rows.push_back({std::string("one ") + once, get(line), "ok"});
    rows.push_back(
        {std::string("two ") + once, get(line + "A: b\r\n" + line), "400 duplicate_field"});
  }
  return rows;
}

std::vector<Case> bodies() {
  const auto typed = [](const std::string& fields) {
    return "POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 2\r\n" + fields + "\r\n{}";
  };
  const auto type = [&](const std::string& value) {
    return typed("Content-Type: " + value + "\r\n");
  };
  const std::string json = "Content-Type: application/json\r\n";
  return {
      {"JSON", type("application/json"), "ok"},
      {"case ignored", type("Application/JSON"), "ok"},
      {"JSON-RPC", type("application/json-rpc"), "ok"},
      {"JSON request", type("application/jsonrequest"), "ok"},
      {"charset", type("application/json; charset=utf-8"), "ok"},
      {"charset, quoted and in capitals", type("application/json;charset=\"UTF-8\""), "ok"},
      {"another parameter", type("application/json; version=1"), "ok"},
      {"empty parameter", type("application/json;"), "ok"},
      {"charset behind a quoted semicolon", type("application/json; a=\"x;\\\"\"; charset=utf-8"),
       "ok"},
      {"wrong charset", type("application/json; charset=utf-16"), "415 unsupported_content_type"},
      {"wrong charset behind another parameter", type("application/json; a=b; charset=latin1"),
       "415 unsupported_content_type"},
      {"no charset value", type("application/json; charset="), "415 unsupported_content_type"},
      {"unclosed quote", type("application/json; charset=\"utf-8"), "415 unsupported_content_type"},
      {"escape at the end", type("application/json; charset=\"\\"), "415 unsupported_content_type"},
      {"text behind the type", type("application/json x"), "415 unsupported_content_type"},
      {"longer type", type("application/jsonx"), "415 unsupported_content_type"},
      {"list of types", type("application/json, text/plain"), "415 unsupported_content_type"},
      {"text", type("text/plain"), "415 unsupported_content_type"},
      {"form", type("application/x-www-form-urlencoded"), "415 unsupported_content_type"},
      {"empty", type(""), "415 unsupported_content_type"},
      {"none", typed(""), "415 unsupported_content_type"},
      {"gzip", typed(json + "Content-Encoding: gzip\r\n"), "415 unsupported_content_encoding"},
      {"empty coding", typed(json + "Content-Encoding:\r\n"), "415 unsupported_content_encoding"},
      {"identity, gzip", typed(json + "Content-Encoding: identity, gzip\r\n"),
       "415 unsupported_content_encoding"},
      {"identity", typed(json + "Content-Encoding: Identity\r\n"), "ok"},
  };
}

void check_all(const std::vector<Case>& rows) {
  for (const Case& row : rows) {
    INFO(row.name);
    CHECK(verdict(row.data) == row.expected);
  }
}

}  // namespace

TEST_CASE("Host is there once and well-formed") {
  check_all(hosts());
}

TEST_CASE("field lines keep to the grammar or the request is refused") {
  check_all(lines());
}

TEST_CASE("POST bodies are plain JSON in UTF-8") {
  check_all(bodies());
}

TEST_CASE("known fields are found in any case and any order, and missing ones are null") {
  const Parsed head(
      get("x-api-key: key one\r\n"
          "AUTHORIZATION: \t Bearer K \t \r\n"
          "Content-type: application/json\r\nContent-Encoding: identity\r\n"
          "Origin: https://app.example\r\nX-Request-ID: 7\r\n"
          "X-Sluice-Priority: low\r\nX-Sluice-Timeout: 800ms\r\nX-Sluice-Affinity: bot\r\n"
          "X-Sluice-Use-Upstream: a\r\nX-Sluice-Debug: 1\r\nSec-WebSocket-Key: "
          "k\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Protocol: p\r\nAccess-Control-Request-Method: POST\r\n"
          "traceparent: 00-1-2-01\r\nX-Forwarded-For: 1.2.3.4\r\n"));
  CHECK(head->host == "node");
  CHECK(head->api_key == "key one");
  CHECK(head->authorization == "Bearer K");
  CHECK(head->content_type == "application/json");
  CHECK(head->content_encoding == "identity");
  CHECK(head->origin == "https://app.example");
  CHECK(head->request_id == "7");
  CHECK(head->priority == "low");
  CHECK(head->timeout == "800ms");
  CHECK(head->affinity == "bot");
  CHECK(head->use_upstream == "a");
  CHECK(head->debug == "1");
  CHECK(head->ws_key == "k");
  CHECK(head->ws_version == "13");
  CHECK(head->ws_protocol == "p");
  CHECK(head->access_control_request_method == "POST");
  CHECK(head->traceparent == "00-1-2-01");
  CHECK(head->forwarded_for == "1.2.3.4");
  CHECK(head->fields().size() == 18);
  CHECK(head->fields().find("origin") == "https://app.example");
  const Parsed bare(get(""));
  CHECK(bare->api_key.data() == nullptr);
  CHECK(bare->forwarded_for.data() == nullptr);
  CHECK(bare->fields().size() == 1);
  CHECK(bare->fields()[0].name == "Host");
  const Parsed empty(get("X-Api-Key:\r\n"));
  CHECK(empty->api_key.data() != nullptr);
  CHECK(empty->api_key.empty());
}

TEST_CASE("of repeated fields the one that counts is fixed") {
  const Parsed head(
      get("X-Forwarded-For: 1.1.1.1\r\nX-Request-Id: a\r\ntraceparent: t\r\n"
          "X-Forwarded-For: 2.2.2.2, 3.3.3.3\r\nX-Request-Id: b\r\ntraceparent: u\r\n"));
  CHECK(head->forwarded_for == "2.2.2.2, 3.3.3.3");
  CHECK(head->request_id == "a");
  CHECK(head->traceparent == "t");
  CHECK(head->fields().size() == 7);
}

TEST_CASE("names that resemble known ones are others") {
  for (const char* name :
       {"hos", "hosts", "h-st", "content-lengtH2", "content\x2Dlengt", "x-api-kez",
        "transfer-encodinf", "expec", "e^pect", "hOs~", "HO5T", "x-sluice-affinitz"}) {
    INFO(name);
    CHECK(find_field_id(name) == FieldId::kOther);
  }
  CHECK(find_field_id("HOST") == FieldId::kHost);
  CHECK(find_field_id("cOnTeNt-LeNgTh") == FieldId::kContentLength);
  CHECK(find_field_id("Transfer-Encoding") == FieldId::kTransferEncoding);
}

TEST_CASE("views follow the buffer when a finished head is parsed again from another place") {
  const std::string data = get("X-Api-Key: secret\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n");
  RequestParser parser{RequestLimits{}};
  auto first = std::make_unique<HeapCopy>(data);
  const HeapCopy second(data + "more");
  REQUIRE(parser.parse(first->view()) == Status::kDone);
  const std::string before = facts(parser);
  REQUIRE(parser.parse(second.view()) == Status::kDone);
  first.reset();
  CHECK(facts(parser) == before);
  CHECK(parser.head().api_key.data() > second.view().data());
  CHECK(parser.head().api_key.data() < second.view().data() + second.view().size());
}

TEST_CASE("nothing of one message shows in the next") {
  RequestParser parser{RequestLimits{}};
  const std::string first =
      "POST /a?b HTTP/1.0\r\nHost: x\r\nX-Api-Key: k\r\nContent-Length: 5\r\na_b: c\r\nConnection: "
      "keep-alive, upgrade\r\nUpgrade: websocket\r\n\r\n";
  REQUIRE(parser.parse(first) == Status::kDone);
  parser.reset();
  const std::string second = get("");
  REQUIRE(parser.parse(second) == Status::kDone);
  RequestParser fresh{RequestLimits{}};
  REQUIRE(fresh.parse(second) == Status::kDone);
  CHECK(facts(parser) == facts(fresh));
  parser.reset();
  REQUIRE(parser.parse("BAD\r\n") == Status::kReject);
  CHECK(parser.parse("BAD\r\n") == Status::kReject);
  parser.release();
  REQUIRE(parser.parse(second) == Status::kDone);
  CHECK(facts(parser) == facts(fresh));
}
