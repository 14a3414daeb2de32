// SPDX-License-Identifier: Apache-2.0
#include "ws/handshake.hpp"

#include "support/catch.hpp"

using namespace sluice::ws;

TEST_CASE("the accept value of RFC 6455, 1.3") {
  CHECK(accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(accept_key("x3JJHMbDL1EzLkh9GBhXDw==") == "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST_CASE("keys: the base64 of 16 bytes and nothing else") {
  struct Row {
    const char* name;
    std::string key;
    bool valid;
  };
  const std::string digits = "dGhlIHNhbXBsZSBub25jZQ";
  const Row rows[] = {
      {"example", digits + "==", true},
      {"all of the alphabet's end", "zZ09+/zZ09+/zZ09+/zZ0w==", true},
      {"unused bits set", "dGhlIHNhbXBsZSBub25jZX==", true},
      {"missing", "", false},
      {"short", "abc", false},
      {"no padding", digits, false},
      {"one pad", digits + "=", false},
      {"pad for a digit", "dGhlIHNhbXBsZSBub25jZ===", false},
      {"17 bytes", "dGhlIHNhbXBsZSBub25jZXM=", false},
      {"15 bytes", "dGhlIHNhbXBsZSBub25j", false},
      {"18 bytes", "dGhlIHNhbXBsZSBub25jZXMh", false},
      {"twice", digits + "==" + digits + "==", false},
      {"url alphabet", "-Ghl_HNhbXBsZSBub25jZQ==", false},
      {"space", "dGhlIHNhbXBsZSBub25j Q==", false},
      {"no base64", "!!!!!!!!!!!!!!!!!!!!!!==", false},
      {"high bytes", std::string(22, '\xe9') + "==", false},
      {"joined twins", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", false},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(is_valid_key(row.key) == row.valid);
    const auto reject = check_upgrade({"GET", 1, row.key, "13"});
    CHECK(reject.has_value() != row.valid);
    if (!row.valid) {
      REQUIRE(reject.has_value());
      CHECK(reject->status == 400);
      CHECK(reject->reason == "ws_key");
      CHECK(reject->fields.empty());
    }
  }
}

TEST_CASE("versions, methods and HTTP/1.0") {
  const std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
  CHECK_FALSE(check_upgrade({"GET", 1, key, "13"}).has_value());
  for (const std::string_view version : {"8", "7", "0", "14", "013", "13, 8", "13 ", "", "abc"}) {
    INFO(version);
    const auto reject = check_upgrade({"GET", 1, key, version});
    REQUIRE(reject.has_value());
    CHECK(reject->status == 426);
    CHECK(reject->fields.find("Sec-WebSocket-Version: 13\r\n") != std::string_view::npos);
  }
  CHECK(check_upgrade({"GET", 1, "", "8"})->status == 426);
  for (const std::string_view method : {"POST", "HEAD", "get", ""}) {
    CHECK(check_upgrade({method, 1, key, "13"})->status == 400);
  }
  CHECK(check_upgrade({"GET", 0, key, "13"})->status == 400);
}

TEST_CASE("the accepting head") {
  std::string out;
  write_accept_head(out, accept_key("dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  out.clear();
  write_accept_head(out, "A", "chat", "X-Request-Id: 7\r\n");
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: A\r\nSec-WebSocket-Protocol: chat\r\nX-Request-Id: 7\r\n\r\n");
}
