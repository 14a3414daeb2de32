// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/write.hpp"

#include <string>

#include "json_text.hpp"
#include "jsonrpc/splitter.hpp"
#include "jsonrpc/unescape.hpp"
#include "reference_json.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

}  // namespace

TEST_CASE("envelopes are written canonically, after what is there") {
  std::string out = ">";
  append_request(out, 18446744073709551615U, "eth_call", R"([ {"a":1} ])");
  CHECK(out ==
        R"(>{"jsonrpc":"2.0","id":18446744073709551615,"method":"eth_call","params":[ {"a":1} ]})");
  out.clear();
  append_request(out, 0, "a\"b\n", {});
  CHECK(out == R"({"jsonrpc":"2.0","id":0,"method":"a\"b\n"})");
  out.clear();
  append_error(out, "\"x\"", -32601, "the method \"y\" does not exist");
  CHECK(
      out ==
      R"({"jsonrpc":"2.0","id":"x","error":{"code":-32601,"message":"the method \"y\" does not exist"}})");
  out.clear();
  append_error(out, "null", -32005, "", R"({"retry_after_ms":5})");
  CHECK(
      out ==
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"","data":{"retry_after_ms":5}}})");
}

TEST_CASE("text is escaped into valid JSON, and comes back") {
  CHECK(escaped("plain / text\x7f") == "plain / text\x7f");
  CHECK(escaped("\"\\\n\r\t") == R"(\"\\\n\r\t)");
  CHECK(escaped(std::string("\0\x01\x1f", 3)) == R"(\u0000\u0001\u001f)");
  CHECK(escaped("\xc3\xa9\xf0\x9f\x98\x80") == "\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(escaped("\x80") == "\xef\xbf\xbd");
  CHECK(escaped("a\xe2\x82") == "a\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(escaped("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    CAPTURE(seed);
    sluice::Random random(seed);
    std::string bytes(random.below(40), ' ');
    for (char& byte : bytes)
      byte = static_cast<char>(random.below(random.below(2) == 0 ? 256 : 128));
    const std::string once = escaped(bytes);
    REQUIRE(reference::valid_json('"' + once + '"'));
    std::string back;
    append_unescaped(back, once);
    if (reference::valid_json('"' + escaped(bytes) + '"') && escaped(back) != once)
      FAIL("not stable");
    if (back.find("\xef\xbf\xbd") == std::string::npos) REQUIRE(back == bytes);
  }
}

TEST_CASE("escapes are decoded") {
  const auto decoded = [](std::string_view raw) {
    std::string out;
    append_unescaped(out, raw);
    return out;
  };
  CHECK(decoded(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
  CHECK(decoded(R"(\u0041\u00e9\u20AC\ud83d\uDE00)") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(decoded(R"(\udbff\udfff)") == "\xf4\x8f\xbf\xbf");
  for (const char* raw : {R"(\ud800)", R"(\udc00)", R"(\udfff)", R"(\udbff)"}) {
    CHECK(decoded(raw) == "\xef\xbf\xbd");
  }
  CHECK(decoded(R"(\ud800\u0041)") ==
        "\xef\xbf\xbd"
        "A");
  CHECK(decoded(R"(\udc00\udc00)") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(decoded(R"(\ud800\n)") == "\xef\xbf\xbd\n");
  CHECK(decoded(R"(\ud800\ud83d\ude00)") == "\xef\xbf\xbd\xf0\x9f\x98\x80");
  CHECK(equals_unescaped(R"(\u0069d)", "id"));
  CHECK(equals_unescaped("id", "id"));
  CHECK_FALSE(equals_unescaped("id", "i"));
  CHECK_FALSE(equals_unescaped("i", "id"));
  CHECK_FALSE(equals_unescaped(R"(\u0049d)", "id"));
}

TEST_CASE("a request that was written reads as it was meant") {
  Splitter splitter;
  for (std::uint64_t seed = 1; seed <= 5000; ++seed) {
    CAPTURE(seed);
    json_text::Generator generator(seed);
    std::string method;
    for (std::uint64_t i = 1 + generator.random().below(20); i > 0; --i) {
      method += static_cast<char>(generator.random().below(128));
    }
    std::string params = "[" + generator.value(4) + "]";
    std::string body;
    append_request(body, seed, method, params);
    const Message& message = splitter.split(body, {});
    REQUIRE(message.calls.size() == 1);
    const CallView& call = message.calls.front();
    REQUIRE(call.error_code == 0);
    REQUIRE(call.method == method);
    REQUIRE(call.params == params);
    REQUIRE(call.id == std::to_string(seed));
  }
}
