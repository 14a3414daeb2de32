// SPDX-License-Identifier: Apache-2.0
#include "feed.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

namespace {

std::string post(const std::string& fields, const std::string& version = "1.1") {
  return "POST / HTTP/" + version + "\r\nHost: node\r\nContent-Type: application/json\r\n" +
         fields + "\r\n";
}

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: node\r\n" + fields + "\r\n";
}

const std::string kSmuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: node\r\n\r\n";

std::vector<Case> lengths() {
  const auto length = [](const std::string& value) {
    return post("Content-Length:" + value + "\r\n");
  };
  return {
      {"plain", length(" 5"), "ok"},
      {"zero", length(" 0"), "ok"},
      {"no space", length("5"), "ok"},
      {"optional whitespace around", length("\t  5 \t"), "ok"},
      {"two different", post("Content-Length: 5\r\nContent-Length: 6\r\n"),
       "400 bad_content_length"},
      {"two equal", post("Content-Length: 5\r\nContent-Length: 5\r\n"), "400 bad_content_length"},
      {"two, names in other case", post("Content-Length: 5\r\ncontent-length: 5\r\n"),
       "400 bad_content_length"},
      {"list of equals", length(" 5, 5"), "400 bad_content_length"},
      {"list with an empty item", length(" 5,"), "400 bad_content_length"},
      {"empty", length(""), "400 bad_content_length"},
      {"spaces only", length("   "), "400 bad_content_length"},
      {"plus", length(" +5"), "400 bad_content_length"},
      {"minus", length(" -5"), "400 bad_content_length"},
      {"hexadecimal", length(" 0x5"), "400 bad_content_length"},
      {"digit separator", length(" 5_0"), "400 bad_content_length"},
      {"letter behind", length(" 1Z"), "400 bad_content_length"},
      {"leading zero", length(" 010"), "400 bad_content_length"},
      {"two zeros", length(" 00"), "400 bad_content_length"},
      {"fraction", length(" 5.0"), "400 bad_content_length"},
      {"inner space", length(" 5 0"), "400 bad_content_length"},
      {"a digit of another script", length(" \xD9\xA5"), "400 bad_content_length"},
      {"2^64", length(" 18446744073709551616"), "400 bad_content_length"},
      {"20 nines", length(" 99999999999999999999"), "400 bad_content_length"},
      {"300 digits", length(" " + std::string(300, '9')), "400 bad_content_length"},
      {"2^64 - 1", length(" 18446744073709551615"), "413 body_too_large"},
      {"9e18", length(" 9000000000000000000"), "413 body_too_large"},
      {"at the limit", length(" 5242880"), "ok"},
      {"over the limit", length(" 5242881"), "413 body_too_large"},
      {"no length", post(""), "411 length_required"},
      {"body on GET", get("Content-Length: 5\r\n") + "hello", "405 body_not_allowed"},
      {"chunked body on GET", get("Transfer-Encoding: chunked\r\n"), "405 body_not_allowed"},
      {"empty body on GET", get("Content-Length: 0\r\n"), "ok"},
      {"body on OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: n\r\nContent-Length: 1\r\n\r\nx",
       "405 body_not_allowed"},
      {"body on HEAD", "HEAD / HTTP/1.1\r\nHost: n\r\nContent-Length: 1\r\n\r\nx",
       "405 body_not_allowed"},
  };
}

std::vector<Case> codings() {
  const auto coding = [](const std::string& value) {
    return post("Transfer-Encoding:" + value + "\r\n") + kSmuggled;
  };
  const std::string length = "Content-Length: 13\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      {"plain", coding(" chunked"), "ok"},
      {"case ignored", coding(" Chunked"), "ok"},
      {"tab behind the colon", coding("\tchunked"), "ok"},
      {"length, then coding", post(length + chunked) + kSmuggled, "400 length_and_coding"},
      {"coding, then length", post(chunked + length) + kSmuggled, "400 length_and_coding"},
      {"unknown coding, then length", post("Transfer-Encoding: gzip\r\n" + length),
       "400 bad_transfer_encoding"},
      {"length, then unknown coding", post(length + "Transfer-Encoding: gzip\r\n"),
       "400 length_and_coding"},
      {"prefix", coding(" xchunked"), "400 bad_transfer_encoding"},
      {"doubled word", coding(" chunkedchunked"), "400 bad_transfer_encoding"},
      {"identity", coding(" identity"), "400 bad_transfer_encoding"},
      {"gzip alone", coding(" gzip"), "400 bad_transfer_encoding"},
      {"chunked not last", coding(" chunked, gzip"), "400 bad_transfer_encoding"},
      {"chunked, identity", coding(" chunked, identity"), "400 bad_transfer_encoding"},
      {"chunked twice", coding(" chunked, chunked"), "400 bad_transfer_encoding"},
      {"legal but unsupported", coding(" gzip, chunked"), "501 unsupported_transfer_encoding"},
      {"two fields, both chunked", post(chunked + chunked), "400 bad_transfer_encoding"},
      {"two fields, second unknown", post(chunked + "Transfer-Encoding: x\r\n"),
       "400 bad_transfer_encoding"},
      {"two fields, first unknown", post("Transfer-Encoding: x\r\n" + chunked),
       "400 bad_transfer_encoding"},
      {"space before the colon", post("Transfer-Encoding : chunked\r\n"), "400 bad_field_name"},
      {"space before the name", post(" Transfer-Encoding: chunked\r\n"), "400 obs_fold"},
      {"vertical tab",
       coding(" \x0b"
              "chunked"),
       "400 control_byte"},
      {"empty first item", coding(" ,chunked"), "400 bad_transfer_encoding"},
      {"empty last item", coding(" chunked,"), "400 bad_transfer_encoding"},
      {"quoted", coding(" \"chunked\""), "400 bad_transfer_encoding"},
      {"parameter", coding(" chunked;q=1"), "400 bad_transfer_encoding"},
      {"empty", coding(""), "400 bad_transfer_encoding"},
      {"folded name", post("Transfer-\r\nEncoding: chunked\r\n"), "400 bad_field_name"},
      {"folded value", coding("\r\n chunked"), "400 bad_transfer_encoding"},
      {"no-break space",
       coding(" \xa0"
              "chunked"),
       "400 bad_transfer_encoding"},
      {"underscore: dropped, framed by the length", post(length + "Transfer_Encoding: chunked\r\n"),
       "ok"},
      {"underscore alone leaves no length", post("Transfer_Encoding: chunked\r\n"),
       "411 length_required"},
      {"chunked on HTTP/1.0", post(chunked, "1.0"), "400 bad_transfer_encoding"},
  };
}

std::vector<Case> connections() {
  const auto with = [](const std::string& value) { return get("Connection:" + value + "\r\n"); };
  return {
      {"close", with(" close"), "ok"},
      {"list", with(" keep-alive, Upgrade,foo"), "ok"},
      {"empty", with(""), "ok"},
      {"empty items", with(" ,, close ,"), "ok"},
      {"nominates Content-Length", with(" close, Content-Length"), "400 bad_connection"},
      {"nominates Transfer-Encoding", with(" transfer-encoding"), "400 bad_connection"},
      {"nominates Host", with(" HOST"), "400 bad_connection"},
      {"nominates the key: legal, and void", with(" X-Api-Key"), "ok"},
      {"not a token", with(" cl ose"), "400 bad_connection"},
      {"quoted", with(" \"close\""), "400 bad_connection"},
  };
}

std::vector<Case> expectations() {
  const std::string length = "Content-Length: 5\r\n";
  return {
      {"100-continue", post(length + "Expect: 100-continue\r\n"), "ok"},
      {"case ignored", post(length + "Expect: 100-Continue\r\n"), "ok"},
      {"over the limit", post("Content-Length: 9000000\r\nExpect: 100-continue\r\n"),
       "413 body_too_large"},
      {"other", post(length + "Expect: foo\r\n"), "417 bad_expectation"},
      {"other behind a good one", post(length + "Expect: 100-continue\r\nExpect: foo\r\n"),
       "417 bad_expectation"},
      {"list", post(length + "Expect: 100-continue, foo\r\n"), "417 bad_expectation"},
      {"empty", post(length + "Expect:\r\n"), "417 bad_expectation"},
      {"anything on HTTP/1.0", post(length + "Expect: foo\r\n", "1.0"), "ok"},
  };
}

void check_all(const std::vector<Case>& rows) {
  for (const Case& row : rows) {
    INFO(row.name);
    CHECK(verdict(row.data) == row.expected);
  }
}

}  // namespace

TEST_CASE("Content-Length is one plain number or the request is refused") {
  check_all(lengths());
}

TEST_CASE("Transfer-Encoding is exactly chunked or the request is refused") {
  check_all(codings());
}

TEST_CASE("Connection is a list of tokens that spares the framing fields") {
  check_all(connections());
}

TEST_CASE("only 100-continue may be expected") {
  check_all(expectations());
}

TEST_CASE("persistence follows version and Connection") {
  struct Row {
    std::string version, fields;
    bool keep_alive;
  };
  const std::vector<Row> rows = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: Close\r\n", false},
      {"1.1", "Connection: keep-alive\r\n", true},
      {"1.1", "Connection: keep-alive, close\r\n", false},
      {"1.1", "Connection: foo\r\nConnection: close\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: keep-alive\r\n", true},
      {"1.0", "Connection: Keep-Alive\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
  };
  for (const Row& row : rows) {
    INFO(row.version << " " << row.fields);
    CHECK(Parsed(post("Content-Length: 0\r\n" + row.fields, row.version))->keep_alive ==
          row.keep_alive);
  }
}

TEST_CASE("framing facts of an accepted request") {
  const Parsed length(post("Content-Length: 42\r\n"));
  CHECK(length->has_length);
  CHECK_FALSE(length->chunked);
  CHECK(length->content_length == 42);
  CHECK(length->has_body());
  const Parsed chunked(post("Transfer-Encoding: chunked\r\n"));
  CHECK_FALSE(chunked->has_length);
  CHECK(chunked->chunked);
  CHECK(chunked->has_body());
  const Parsed neither(get(""));
  CHECK_FALSE(neither->has_length);
  CHECK_FALSE(neither->has_body());
  const Parsed dropped(post("Content-Length: 5\r\nTransfer_Encoding: chunked\r\n"));
  CHECK(dropped.parser().dropped_fields() == 1);
  CHECK_FALSE(dropped->chunked);
  CHECK(dropped->fields().find("Transfer_Encoding").data() == nullptr);
}

TEST_CASE("100 Continue is owed only to HTTP/1.1 requests with a body") {
  const std::string expect = "Expect: 100-continue\r\n";
  CHECK(Parsed(post("Content-Length: 5\r\n" + expect))->expect_continue);
  CHECK(Parsed(post("Transfer-Encoding: chunked\r\n" + expect))->expect_continue);
  CHECK_FALSE(Parsed(post("Content-Length: 0\r\n" + expect))->expect_continue);
  CHECK_FALSE(Parsed(post("Content-Length: 5\r\n" + expect, "1.0"))->expect_continue);
  CHECK_FALSE(Parsed(post("Content-Length: 5\r\n"))->expect_continue);
}

TEST_CASE("only an Upgrade to websocket that Connection names counts") {
  struct Row {
    std::string fields;
    bool upgrade;
  };
  const std::vector<Row> rows = {
      {"Connection: Upgrade\r\nUpgrade: websocket\r\n", true},
      {"Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", true},
      {"Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n", true},
      {"Upgrade: websocket\r\n", false},
      {"Connection: Upgrade\r\n", false},
      {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
       false},
      {"Connection: Upgrade\r\nUpgrade: websocket/13\r\n", false},
      {"Connection: Upgrade\r\nUpgrade: websockets\r\n", false},
  };
  for (const Row& row : rows) {
    INFO(row.fields);
    CHECK(Parsed(get(row.fields))->upgrade_websocket == row.upgrade);
  }
  const std::string fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  CHECK_FALSE(Parsed("GET / HTTP/1.0\r\n" + fields + "\r\n")->upgrade_websocket);
  CHECK(verdict(post(fields + "Content-Length: 2\r\n")) == "400 bad_upgrade");
  CHECK(verdict("OPTIONS / HTTP/1.1\r\nHost: n\r\n" + fields + "\r\n") == "400 bad_upgrade");
}
