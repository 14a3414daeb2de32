// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/reply.hpp"

#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace sluice::jsonrpc;

namespace {

struct Case {
  const char* name;
  std::string_view body;
  ReplyView expected;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [name, body, expected] : cases) {
    CAPTURE(name, body);
    const ReplyView reply = parse_reply(body);
    CHECK(reply.valid == expected.valid);
    CHECK(reply.is_error == expected.is_error);
    CHECK(reply.id == expected.id);
    CHECK(reply.result == expected.result);
    CHECK(reply.error == expected.error);
    CHECK(reply.code == expected.code);
    CHECK(reply.message == expected.message);
    CHECK(reply.data == expected.data);
  }
}

}  // namespace

TEST_CASE("results") {
  check({
      {"string",
       R"({"jsonrpc":"2.0","id":1,"result":"0x1"})",
       {.valid = true, .id = "1", .result = "\"0x1\""}},
      {"white space is not of the value",
       " {\"result\" : [ 1 ] , \"id\" : \"a\" } ",
       {.valid = true, .id = "\"a\"", .result = "[ 1 ]"}},
      {"null", R"({"id":1,"result":null})", {.valid = true, .id = "1", .result = "null"}},
      {"null beside a null error",
       R"({"result":null,"error":null,"id":1})",
       {.valid = true, .id = "1", .result = "null"}},
      {"null error",
       R"({"id":1,"error":null,"result":{}})",
       {.valid = true, .id = "1", .result = "{}"}},
      {"no id", R"({"result":1})", {.valid = true, .result = "1"}},
      {"unknown members",
       R"({"id":1,"x":{"result":2,"id":3},"result":1,"Result":4})",
       {.valid = true, .id = "1", .result = "1"}},
      {"escaped key",
       R"({"\u0069d":1,"resul\u0074":2})",
       {.valid = true, .id = "1", .result = "2"}},
  });
}

TEST_CASE("errors") {
  check({
      {"whole",
       R"({"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"a \"b\"","data":{"x":[]}}})",
       {.valid = true,
        .is_error = true,
        .id = "1",
        .error = R"({"code":-32000,"message":"a \"b\"","data":{"x":[]}})",
        .code = -32000,
        .message = R"(a \"b\")",
        .data = R"({"x":[]})"}},
      {"no members",
       R"({"id":1,"error":{}})",
       {.valid = true, .is_error = true, .id = "1", .error = "{}"}},
      {"code and message of other types",
       R"({"id":1,"error":{"code":"3","message":4}})",
       {.valid = true, .is_error = true, .id = "1", .error = R"({"code":"3","message":4})"}},
      {"code no integer of 64 bits",
       R"({"error":{"code":9223372036854775808}})",
       {.valid = true, .is_error = true, .error = R"({"code":9223372036854775808})"}},
      {"code with a fraction",
       R"({"error":{"code":3.0}})",
       {.valid = true, .is_error = true, .error = R"({"code":3.0})"}},
      {"code at the edge",
       R"({"error":{"code":-9223372036854775808}})",
       {.valid = true,
        .is_error = true,
        .error = R"({"code":-9223372036854775808})",
        .code = INT64_MIN}},
      {"members of members do not count",
       R"({"error":{"data":{"code":5,"message":"x"}}})",
       {.valid = true,
        .is_error = true,
        .error = R"({"data":{"code":5,"message":"x"}})",
        .data = R"({"code":5,"message":"x"})"}},
      {"escaped keys",
       R"({"error":{"cod\u0065":3}})",
       {.valid = true, .is_error = true, .error = R"({"cod\u0065":3})", .code = 3}},
      {"string",
       R"({"id":1,"error":"boom\n"})",
       {.valid = true,
        .is_error = true,
        .id = "1",
        .error = R"("boom\n")",
        .message = R"(boom\n)"}},
      {"number",
       R"({"id":1,"error":5})",
       {.valid = true, .is_error = true, .id = "1", .error = "5"}},
      {"wins over a null result",
       R"({"id":null,"result":null,"error":{"code":1}})",
       {.valid = true,
        .is_error = true,
        .id = "null",
        .result = "null",
        .error = R"({"code":1})",
        .code = 1}},
      {"wins over a result",
       R"({"result":1,"error":{"code":1}})",
       {.valid = true, .is_error = true, .result = "1", .error = R"({"code":1})", .code = 1}},
  });
}

TEST_CASE("what is no reply") {
  for (const std::string_view body : {"",
                                      " ",
                                      "null",
                                      "1",
                                      "\"x\"",
                                      "[]",
                                      R"([{"id":1,"result":1}])",
                                      "{}",
                                      R"({"id":1})",
                                      R"({"id":1,"error":null})",
                                      R"({"id":1,"id":1,"result":1})",
                                      R"({"id":1,"result":1,"result":1})",
                                      R"({"id":1,"error":{},"error":{}})",
                                      R"({"id":1,"result":1,"resul\u0074":1})",
                                      R"({"id":1,"result":1}})",
                                      R"({"id":1,"result":1} x)",
                                      R"({"id":1,"result":1)",
                                      R"({"id":1,"result":})",
                                      R"({"id":1,"result":01})",
                                      "<html>502</html>",
                                      "\xef\xbb\xbf{\"id\":1,\"result\":1}",
                                      "{\"id\":1,\"result\":\"\x80\"}",
                                      R"({"id":1,"result":1,})",
                                      R"({"id":1,"result":null,"result":1})",
                                      R"({"id":1,"Result":1})"}) {
    CAPTURE(body);
    const ReplyView reply = parse_reply(body);
    CHECK_FALSE(reply.valid);
    CHECK(reply.id.empty());
  }
}

TEST_CASE("ids are compared by their digits") {
  CHECK(id_equals("0", 0));
  CHECK(id_equals("18446744073709551615", UINT64_MAX));
  CHECK(id_equals("9999999999999999999", 9999999999999999999U));
  for (const auto* id : {"18446744073709551616", "99999999999999999999", "100000000000000000000"})
    CHECK_FALSE(plain_id(id));
  CHECK(id_equals("\"17\"", 17));
  for (const std::string_view id :
       {"", "1", "017", "17.0", "+17", "-17", "\"17", "17\"", "\"\"", "\"", "\"017\"", "null",
        "1.7e1", "\" 17\"", "\"\\u00317\"", "18446744073709551633"}) {
    CAPTURE(id);
    CHECK_FALSE(id_equals(id, 17));
  }
}
