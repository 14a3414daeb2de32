// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/splitter.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace sluice::jsonrpc;

namespace {

/// "id method params" for a call to run, with - for what is absent; "id !code" for one to refuse.
std::string shown(const CallView& call) {
  std::string out(call.notification() ? "-" : call.id);
  if (call.error_code != 0) return out + " !" + std::to_string(call.error_code);
  return out.append(" ")
      .append(call.method)
      .append(" ")
      .append(call.params.empty() ? "-" : call.params);
}

/// A batch in brackets; "!code id" for a message that is refused as a whole.
std::string shown(const Message& message) {
  std::string out;
  if (message.error_code != 0) {
    out = "!" + std::to_string(message.error_code) + " ";
    out += message.error_id;
  }
  for (const CallView& call : message.calls) {
    if (!out.empty()) out += "; ";
    out += shown(call);
  }
  return message.batch ? "[" + out + "]" : out;
}

std::string split(std::string_view body, const Limits& limits = {}) {
  Splitter splitter;
  return shown(splitter.split(body, limits));
}

struct Case {
  const char* name;
  std::string body;
  std::string expected;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [name, body, expected] : cases) {
    CAPTURE(name, body);
    CHECK(split(body) == expected);
  }
}

std::string with_id(const std::string& id) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"m"})";
}

std::string with_params(const std::string& params) {
  return R"({"jsonrpc":"2.0","id":1,"method":"m","params":)" + params + "}";
}

std::string with_method(const std::string& method) {
  return R"({"jsonrpc":"2.0","id":1,"method":)" + method + "}";
}

std::string with(const std::string& member) {
  return R"({"jsonrpc":"2.0","id":1,"method":"m",)" + member + "}";
}

}  // namespace

TEST_CASE("messages of every shape") {
  check({
      {"call", R"({"jsonrpc":"2.0","id":1,"method":"m","params":[1,{"a":2}]})",
       R"(1 m [1,{"a":2}])"},
      {"any order, white space",
       "\r\n{ \"params\" : [ 1 ]\t, \"method\" :\"m\" ,\"id\": \"x\" , \"jsonrpc\" : \"2.0\" } \n",
       R"("x" m [ 1 ])"},
      {"notification", R"({"jsonrpc":"2.0","method":"m"})", "- m -"},
      {"null id is a call", with_id("null"), "null m -"},
      {"empty body", "", "!-32700 null"},
      {"white space", " \n\t ", "!-32700 null"},
      {"byte order mark", "\xef\xbb\xbf" + with_id("1"), "!-32700 null"},
      {"trailing text", with_id("1") + "x", "!-32700 null"},
      {"two messages", with_id("1") + with_id("2"), "!-32700 null"},
      {"two lines", with_id("1") + "\n" + with_id("2"), "!-32700 null"},
      {"trailing comma", R"({"jsonrpc":"2.0","id":1,"method":"m",})", "!-32700 null"},
      {"trailing NUL", with_id("1") + std::string(1, '\0'), "!-32700 null"},
      {"number", "1", "!-32600 null"},
      {"null", "null", "!-32600 null"},
      {"string", "\"x\"", "!-32600 null"},
      {"true", " true ", "!-32600 null"},
      {"scalar and more", "1 2", "!-32700 null"},
      {"empty batch", "[]", "!-32600 null"},
      {"empty batch and more", "[] []", "!-32700 null"},
      {"batch of a number", "[1]", "[null !-32600]"},
      {"batch of numbers", "[1,2,3]", "[null !-32600; null !-32600; null !-32600]"},
      {"nested batch", "[[" + with_id("1") + "]]", "[null !-32600]"},
      {"batch", "[" + with_id("1") + " , " + with_id("\"b\"") + "]", R"([1 m -; "b" m -])"},
      {"mixed batch",
       R"([{"jsonrpc":"2.0","method":"sum","params":[1,2,4],"id":"1"},{"jsonrpc":"2.0","method":"hi","params":[7]},)"
       R"({"foo":"boo"},{"jsonrpc":"2.0","method":"get","params":{"n":1},"id":"5"},1])",
       R"(["1" sum [1,2,4]; - hi [7]; null !-32600; "5" get {"n":1}; null !-32600])"},
      {"batch with a broken item", "[" + with_id("1") + ",{\"jsonrpc\"]", "!-32700 null"},
      {"batch with a trailing comma", "[" + with_id("1") + ",]", "!-32700 null"},
      {"empty object", "{}", "null !-32600"},
      {"duplicate ids", "[" + with_id("1") + "," + with_id("1") + "]", "[1 m -; 1 m -]"},
  });
}

TEST_CASE("ids are echoed byte for byte, or refused") {
  for (const char* id :
       {"\"a\"", "1", "-1", "1.5", "1e2", "1.0", "123456789012345678901234567890", R"("\u0041")",
        "\"\"", "null", "0", "-0", "1E400", R"("\ud800")", "\"\xc3\xa9\"", R"("\"\\")"}) {
    CHECK(split(with_id(id)) == std::string(id) + " m -");
  }
  for (const char* id : {"[]", "{}", "true", "false", "[1]", R"({"a":1})"}) {
    CHECK(split(with_id(id)) == "null !-32600");
  }
  CHECK(split(with_id('"' + std::string(1022, 'x') + '"')) ==
        '"' + std::string(1022, 'x') + "\" m -");
  CHECK(split(with_id('"' + std::string(1023, 'x') + '"')) == "null !-32600");
  CHECK(split(with_id('"' + std::string(1 << 20, 'x') + '"')) == "null !-32600");
  CHECK(split(with_id(std::string(1025, '1'))) == "null !-32600");
}

TEST_CASE("repeated members and look-alikes are refused") {
  check({
      {"repeated method", with(R"("method":"m")"), "1 !-32600"},
      {"other case beside", with(R"("Method":"debug_traceBlock")"), "1 !-32600"},
      {"other case alone", R"({"jsonrpc":"2.0","id":1,"METHOD":"m"})", "1 !-32600"},
      {"repeated params", with(R"("params":[],"params":[1])"), "1 !-32600"},
      {"params with long s", with("\"param\xc5\xbf\":[]"), "1 !-32600"},
      {"params with escaped long s", with(R"("param\u017f":[])"), "1 !-32600"},
      {"version with long s", with("\"j\xc5\xbfonrpc\":\"2.0\""), "1 !-32600"},
      {"repeated version", with(R"("jsonrpc":"2.0")"), "1 !-32600"},
      {"repeated through an escape", with(R"("\u006dethod":"x")"), "1 !-32600"},
      {"repeated id", with(R"("id":1)"), "null !-32600"},
      {"id of other case beside", with(R"("ID":2)"), "null !-32600"},
      {"id of other case alone", R"({"jsonrpc":"2.0","Id":1,"method":"m"})", "null !-32600"},
      {"look-alike first", R"({"Id":2,"jsonrpc":"2.0","id":1,"method":"m"})", "null !-32600"},
      {"ended by NUL", R"({"jsonrpc":"2.0","id":1,"method\u0000":"m"})", "1 !-32600"},
      {"ended by NUL beside", with(R"("method\u0000x":"y")"), "1 !-32600"},
      {"ended by NUL, other case", with(R"("PARAMS\u0000":[])"), "1 !-32600"},
      {"in a notification", R"({"jsonrpc":"2.0","method":"m","method":"m"})", "null !-32600"},
      {"one escaped key", R"({"jsonrpc":"2.0","id":1,"\u006dethod":"m"})", "1 m -"},
      {"all escaped",
       R"({"\u006asonrpc":"2.0","\u0069\u0064":1,"metho\u0064":"m","para\u006Ds":[]})", "1 m []"},
      {"escaped other case", with(R"("\u004dethod":"m")"), "1 !-32600"},
      {"unknown members",
       with(
           R"("extra":[1,{"method":"x","id":2}],"":0,"methods":1,"i":1,"idd":1,"\u0000id":1," id":3,"param":1)"),
       "1 m -"},
      {"unknown members repeated", with(R"("x":1,"x":2)"), "1 m -"},
      {"unknown with other letters",
       with("\"\xe2\x84\xaa\":1,\"\xc4\xb1"
            "d\":2,\"i\\n\":1"),
       "1 m -"},
      {"unknown and long", with('"' + std::string(5000, 'M') + "\":1,\"jsonrpcs\":1"), "1 m -"},
  });
}

TEST_CASE("method names") {
  check({
      {"missing", R"({"jsonrpc":"2.0","id":1})", "1 !-32600"},
      {"empty", with_method("\"\""), "1 !-32600"},
      {"number", with_method("1"), "1 !-32600"},
      {"null", with_method("null"), "1 !-32600"},
      {"array", with_method("[\"m\"]"), "1 !-32600"},
      {"longest", with_method('"' + std::string(2048, 'm') + '"'),
       "1 " + std::string(2048, 'm') + " -"},
      {"too long", with_method('"' + std::string(2049, 'm') + '"'), "1 !-32600"},
      {"far too long", with_method('"' + std::string(100'000, 'm') + '"'), "1 !-32600"},
      {"reserved", with_method("\"rpc.x\""), "1 rpc.x -"},
      {"trailing space", with_method("\"m \""), "1 m  -"},
      {"escaped", with_method(R"("\u0065th\u005fcall")"), "1 eth_call -"},
      {"NUL inside", with_method(R"("m\u0000x")"), "1 m" + std::string(1, '\0') + "x -"},
      {"newline inside", with_method(R"("m\n")"), "1 m\n -"},
      {"lone surrogate", with_method(R"("m\ud800")"), "1 m\xef\xbf\xbd -"},
      {"surrogate pair", with_method(R"("\ud83d\ude00")"), "1 \xf0\x9f\x98\x80 -"},
      {"UTF-8", with_method("\"\xc3\xa9\""), "1 \xc3\xa9 -"},
  });
  std::string escaped = "\"";
  for (int i = 0; i < 2048; ++i) escaped += "\\u006d";
  CHECK(split(with_method(escaped + '"')) == "1 " + std::string(2048, 'm') + " -");
  CHECK(split(with_method(escaped + "m\"")) == "1 !-32600");
}

TEST_CASE("params") {
  check({
      {"null", with_params("null"), "1 m null"},
      {"empty array", with_params("[]"), "1 m []"},
      {"empty object", with_params("{}"), "1 m {}"},
      {"string", with_params("\"x\""), "1 !-32602"},
      {"number", with_params("1"), "1 !-32602"},
      {"negative number", with_params("-1"), "1 !-32602"},
      {"bool", with_params("true"), "1 !-32602"},
      {"huge numbers", with_params("[18446744073709551617,1e400,-0,0.12345678901234567]"),
       "1 m [18446744073709551617,1e400,-0,0.12345678901234567]"},
      {"lone surrogate", with_params(R"(["\ud800"])"), R"(1 m ["\ud800"])"},
      {"white space inside", with_params("[ 1,\n2 ] "), "1 m [ 1,\n2 ]"},
      {"bad request wins", R"({"jsonrpc":"1.0","id":1,"method":"m","params":1})", "1 !-32600"},
      {"notification stays one", R"({"jsonrpc":"2.0","method":"m","params":1})", "- !-32602"},
      {"invalid UTF-8 inside", with_params("[\"\x80\"]"), "!-32700 null"},
  });
}

TEST_CASE("the version must be 2.0") {
  for (const char* version :
       {"\"1.0\"", "2.0", "\"2.00\"", "\"2\"", "null", "2", "\"\"", "[\"2.0\"]", "\"2.0 \""}) {
    CAPTURE(version);
    CHECK(split(std::string(R"({"id":"x","method":"m","jsonrpc":)") + version + "}") ==
          R"("x" !-32600)");
  }
  CHECK(split(R"({"id":1,"method":"m"})") == "1 !-32600");
  CHECK(split(R"({"method":"m"})") == "null !-32600");
  CHECK(split(R"({"id":1,"method":"m","jsonrpc":"2\u002e0"})") == "1 m -");
}

TEST_CASE("a batch that is too large is refused as a whole, with the first id") {
  const auto batch = [](std::size_t items, const std::string& first) {
    std::string body = "[" + first;
    for (std::size_t i = 1; i < items; ++i) body += ",1";
    return body + "]";
  };
  const Limits limits{.batch_max = 3};
  CHECK(split(batch(3, with_id("7")), limits) == "[7 m -; null !-32600; null !-32600]");
  CHECK(split(batch(4, with_id("7")), limits) == "[!-32600 7]");
  CHECK(split(batch(1001, with_id("\"a\""))) == "[!-32600 \"a\"]");
  CHECK(split(batch(1000, with_id("7"))).substr(0, 8) == "[7 m -; ");
  CHECK(split(batch(4, R"({"jsonrpc":"2.0","method":"m"},)" + with_id("8")), limits) ==
        "[!-32600 8]");
  CHECK(split(batch(4, R"({"method":"m","id":9})"), limits) == "[!-32600 9]");
  CHECK(split(batch(1'000'000, "1")) == "[!-32600 null]");
  CHECK(split("[1]", {.batch_max = 0}) == "[!-32600 null]");
  // Text that is no JSON after the last item that counts is still that.
  CHECK(split(batch(5000, with_id("7")) + "x") == "!-32700 null");
  CHECK(split(batch(5000, with_id("7")).substr(0, 9000)) == "!-32700 null");
  Splitter splitter;
  CHECK(splitter.split(batch(4, "1"), limits).error_text == "batch too large");
}

TEST_CASE("a refused call carries nothing to run by mistake, and says why") {
  Splitter splitter;
  const CallView bad =
      splitter.split(R"({"id":1,"method":"\u006d","params":[]})", {}).calls.front();
  CHECK(bad.error_code == -32600);
  CHECK(bad.method.empty());
  CHECK(bad.params.empty());
  CHECK(bad.error_text == "invalid request: jsonrpc must be \"2.0\"");
  const std::string body = with_params("7");
  const CallView params = splitter.split(body, {}).calls.front();
  CHECK(params.error_code == -32602);
  CHECK(params.method == "m");
  CHECK(params.params.empty());
  CHECK(params.error_text == "invalid params: must be an array or an object");
}

TEST_CASE("views point into the body, and decoded methods stay put while more are decoded") {
  std::string body = "[";
  for (int i = 0; i < 500; ++i) {
    if (i != 0) body += ',';
    body += with_method(R"("\u006d)" + std::to_string(i) + '"');
  }
  body += "," + with_params("[]") + "]";
  Splitter splitter;
  for (int round = 0; round < 2; ++round) {
    const Message& message = splitter.split(body, {});
    REQUIRE(message.calls.size() == 501);
    for (std::size_t i = 0; i < 500; ++i) CHECK(message.calls[i].method == "m" + std::to_string(i));
    const std::string_view params = message.calls.back().params;
    CHECK(params.data() == body.data() + body.size() - 4);
  }
  // Nothing of a message is left in the next.
  CHECK(shown(splitter.split(with_id("1"), {})) == "1 m -");
  CHECK(shown(splitter.split("[", {})) == "!-32700 null");
  CHECK(splitter.split("", {}).calls.empty());
}
