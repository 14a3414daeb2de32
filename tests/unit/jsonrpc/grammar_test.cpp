// SPDX-License-Identifier: Apache-2.0
// A suite of JSON texts in the three classes that parsers are usually sorted by: must accept, must
// refuse, free to choose. Each goes through every scanner: as a message, and in several places of a
// reply, held and streamed.
#include <string>
#include <string_view>
#include <vector>

#include "jsonrpc/codes.hpp"
#include "jsonrpc/reply.hpp"
#include "jsonrpc/reply_stream.hpp"
#include "jsonrpc/splitter.hpp"
#include "reference_json.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;
using namespace std::string_view_literals;

namespace {

using Texts = std::vector<std::string_view>;

const Texts kGoodValues = {"0",
                           "-0",
                           "1",
                           "-1",
                           "10",
                           "9007199254740993",
                           "18446744073709551615",
                           "18446744073709551616",
                           "-9223372036854775809",
                           "123456789012345678901234567890",
                           "0.0",
                           "-0.0",
                           "0.5",
                           "1.25",
                           "3.14159265358979323846",
                           "0e0",
                           "0E+1",
                           "0e-1",
                           "1e5",
                           "1E5",
                           "1e+5",
                           "1e-5",
                           "-1e-05",
                           "1.5E+300",
                           "20e1",
                           "0.1e1",
                           "-0e+1",
                           "true",
                           "false",
                           "null",
                           "\"\"",
                           "[]",
                           "{}",
                           "[ ]",
                           "{ }",
                           "[\n]",
                           "{\t}",
                           "[[]]",
                           "[{}]",
                           "[[],[]]",
                           "[1,\"a\",null,true,{}]",
                           "[ 1 , 2 ]",
                           "{\"a\":1}",
                           "{\"a\":{\"b\":{}}}",
                           "{\"\":0}",
                           "{\"a\":1,\"a\":1}",
                           "{\"a\":1,\"a\":2}",
                           "{ \"a\" : 1 , \"b\" : 2 }",
                           "{\"\\u0000\":1}",
                           "[[[[[[[[[[]]]]]]]]]]",
                           "[0,0.0,-0,\"0\"]",
                           "{\"long\\nkey with spaces\":[]}",
                           "[null,null]",
                           "{\"a\":[{\"b\":[{}]}]}",
                           "[1,[2,[3,[4]]]]",
                           "[\"\",\"\"]",
                           "[\r\n1\r\n]",
                           "{\"a\"\n:\r1\t}"};

const Texts kBadValues = {
    // numbers
    "01", "-01", "00", "+1", "++1", "-", "--1", "-a", "- 1", ".5", "-.5", "1.", "-1.", "1.e1",
    "0.e1", "1..2", "1.2.3", "1e", "1E", "1e+", "1e-", "0e", "0e+", "1.0e", "1.0e+", "1.0e-",
    "1ee2", "1e1.5", "1e1e1", "0x1", "0x", "1_000", "1a", "1 2", "1+2", "0.1.", "Infinity",
    "-Infinity", "NaN", "-NaN", "inf", "nan", "1eE2", "1e+-2", "2.e3", "-2.", "9.e+", "0.3e",
    "0.3e+", "-1x", "1/2", "1f", "0b1", "0o7", "\xef\xbc\x91", "-0x1", "1,000", "-foo",
    // words
    "tru", "truee", "True", "TRUE", "fals", "False", "nul", "nulll", "NULL", "undefined", "nil",
    "t", "f", "n", "true1", "\\u0074rue", "yes", "a", "*", "$", "@", "'a'", "'", "`a`", "\xc3\xa9",
    // strings
    "\"", "\"a", "a\"", "\"\\\"", "\"\\a\"", "\"\\'\"", "\"\\x00\"", "\"\\0\"", "\"\\v\"",
    "\"\\U0041\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"", "\"\\u123\"", "\"\\u123g\"", "\"\\u 123\"",
    "\"\\u-123\"", "\"\\ud800\\u\"", "\"\\ud800\\u1\"", "\"\\ud800\\x\"", "\"\\\xc3\xa9\"",
    "\"\\ \"", "\"\n\"", "\"\t\"", "\"\r\"", "\"\x01\"", "\"\x1f\"", "\"\0\""sv, "\"a\nb\"",
    "\"a\"b\"", "\"\"\"", "\"a\" \"b\"", "\"\\", "\"\\u00", "\"\\u00\"",
    // UTF-8
    "\"\x80\"", "\"\xbf\"", "\"\xc0\x80\"", "\"\xc0\xaf\"", "\"\xc1\xbf\"", "\"\xc2\"",
    "\"\xc2\x41\"", "\"\xc3\xc3\"", "\"\xe0\x80\x80\"", "\"\xe0\x9f\xbf\"", "\"\xe2\x82\"",
    "\"\xe2\x41\xac\"", "\"\xe2\x82\x41\"", "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"",
    "\"\xf0\x80\x80\x80\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf0\x9f\x98\"", "\"\xf0\x9f\x98\x41\"",
    "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xfe\"",
    "\"\xff\"", "\"aaaaaaaaaaaaaaaa\x80\"", "\"aaaaaaaaaaaaaaa\xc3\"",
    // white space that is none
    "\f", "\v", "\xc2\xa0", "\xe2\x80\xa8", "\xe3\x80\x80", "1\f", "\v1", "[\f]", "[\xe2\x81\xa0]",
    // arrays
    "[", "[1", "[1,", "[,", "[,]", "[,1]", "[1,]", "[1,,]", "[1,,2]", "[\"\",]", "[1 2]", "[1:2]",
    "[\"a\":1]", "[1}", "[a]", "[-]", "[\"a", "[\"a]", "[[]", "[[1]", "[1;2]", "[...]", "[\0]"sv,
    "[1\n,1\n,1",
    // objects
    "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{,", "{,}", "{,\"a\":1}", "{\"a\":1,}",
    "{\"a\":1,,\"b\":2}", "{\"a\"}", "{\"a\",1}", "{\"a\" 1}", "{\"a\"::1}", "{:1}", "{\"a\":}",
    "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[]:1}", "{{}:1}", "{\"a\":1 \"b\":2}",
    "{\"a\":1;\"b\":2}", "{\"a\":1]", "{\"a\":1}}x", "{\"a\" \"b\"}", "{\"a", "{\"a\":\"b",
    "{true}", "{\"a\":a}", "{\"a\":1/**/}", "{\"a\":1//\n}", "{#\n}", "{\"\\a\":1}", "{\"\x80\":1}",
    "{\"a\":[}", "{\"a\":{]", "{\"a\"=1}", "{\"a\":/*x*/1}"};

/// Only as a whole text: in some of the places below these would close what they stand in.
const Texts kBadTexts = {"",
                         " ",
                         "\n\n",
                         "]",
                         "}",
                         ")",
                         ",",
                         ":",
                         "[]]",
                         "{}}",
                         "[][]",
                         "{}{}",
                         "[],[]",
                         "1,2",
                         "[1],",
                         "{\"a\":1},",
                         "{}x",
                         "[]x",
                         "[]\0"sv,
                         "\0"sv,
                         "\0[]"sv,
                         "{}/**/",
                         "{}//",
                         "{}#",
                         "/**/{}",
                         "[}",
                         "{]",
                         "[1]]",
                         "\"a\",",
                         "\xef\xbb\xbf",
                         "\xef\xbb\xbf{}",
                         "\xef\xbb\xbf[]",
                         "\xef\xbb{}",
                         "\xef\xbb\xbf",
                         "\xfe\xff\0[\0]"sv,
                         "\xff\xfe[\0]\0"sv,
                         "[\0]\0"sv,
                         "\0[\0]"sv,
                         "\xe2\x80\x8b{}",
                         "{}\xc2\xa0",
                         "<html></html>",
                         "<.>",
                         "[]\f",
                         "\x1b[31m",
                         "--1",
                         "\xff",
                         "[1]\x01",
                         "true false",
                         "nulltrue",
                         "\"a\"\"b\"",
                         "0 0",
                         "[[[]",
                         "{\"a\":{\"b\":1}",
                         "[{}",
                         "{\"a\":[1}",
                         "[\"a\":"};

/// What may stand between quotes.
const Texts kGoodContents = {
    "a", " ", "\\\"", "\\\\", "\\/", "\\b\\f\\n\\r\\t", "\\u0000", "\\u001f", "\\u0022", "\\u005C",
    "\\uABCD", "\\uabcd", "\\u00e9", "\\ud83d\\ude00", "\\uD834\\uDD1E", "\\uFFFF", "\\ufffe",
    "\\u200b", "\x7f", "\xc2\x80", "\xc3\xa9", "\xdf\xbf", "\xe0\xa0\x80", "\xe2\x82\xac",
    "\xe2\x80\xa8", "\xe2\x80\xa9", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbb\xbf", "\xef\xbf\xbf",
    "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "/* c */", "// c", "'",
    "{}[],:", "\\\\u0041", "\\\\\\\"", "0123456789abcde\\n", "0123456789abcdef\\n",
    "0123456789abcdef0\xc3\xa9", "\xc3\xa9\xc3\xa9\xe2\x82\xac\xe2\x82\xac", "\\\\n", "a\\u0041b",
    "\\u0041\\u0042",
    // free to choose by the RFC, accepted here, for the bytes are passed on as they are
    "\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud800x", "\\ud800\\n",
    "\\ud83d\\u0041", "\\uDBFF\\uE000", "\\ud800\\ud800\\udc00"};

/// Numbers that the RFC leaves to the parser; accepted here, for the bytes are passed on as they
/// are.
const Texts kHugeNumbers = {"1e400",
                            "-1e400",
                            "1e-400",
                            "123.456e-789",
                            "0.4e00669999999999999999999999",
                            "-123123123123123123123123123123",
                            "1E22222222222222222222",
                            "100000000000000000000",
                            "1.7976931348623157e309",
                            "5e-325",
                            "-237462374673276894279832749832423479823246327846"};

std::string quoted(std::string_view content) {
  return '"' + std::string(content) + '"';
}

std::string in(std::string_view before, std::string_view value, std::string_view after) {
  return std::string(before).append(value).append(after);
}

/// The places a value is tried in.
std::vector<std::string> placed(std::string_view value) {
  return {std::string(value),
          in(" ", value, "\n"),
          in("[", value, "]"),
          in("[ 0 , ", value, " ]"),
          in("[", value, ",0]"),
          in("{\"k\":", value, "}"),
          in("{\"k\":[", value, "],\"l\":{}}")};
}

bool splitter_accepts(std::string_view text) {
  Splitter splitter;
  return splitter.split(text, Limits{}).error_code != kParseError;
}

/// Replies with the text as a result, as an error, in a member of no meaning; held and streamed at
/// once.
void check_in_replies(std::string_view text) {
  for (const auto& body :
       {in("{\"id\":7,\"result\":", text, "}"),
        in("{\"id\":7,\"error\":", text, ",\"result\":null}"),
        in("{\"x\":", text, ",\"id\":7,\"result\":0}"), in("{\"result\":0,\"id\":7}", text, "")}) {
    CAPTURE(body);
    const ReplyView reply = parse_reply(body);
    REQUIRE((reply.valid || !reference::valid_json(body, kReplyDepthMax)));
    ReplyStream stream(7);
    stream.feed(body);
    REQUIRE(stream.finish() == (reply.valid && id_equals(reply.id, 7)));
  }
}

void check(std::string_view text, bool accept) {
  CAPTURE(text, accept);
  REQUIRE(reference::valid_json(text) == accept);
  REQUIRE(splitter_accepts(text) == accept);
  check_in_replies(text);
}

}  // namespace

TEST_CASE("the suite is large enough to mean something") {
  CHECK(kGoodValues.size() + kBadValues.size() + kBadTexts.size() + kGoodContents.size() +
            kHugeNumbers.size() >=
        250);
}

TEST_CASE("text that must be accepted is accepted in every place") {
  for (const auto value : kGoodValues) {
    for (const auto& text : placed(value)) check(text, true);
  }
  for (const auto value : kHugeNumbers) {
    for (const auto& text : placed(value)) check(text, true);
  }
  for (const auto content : kGoodContents) {
    for (const auto& text : placed(quoted(content))) check(text, true);
    check(in("{", quoted(content), ":1}"), true);
  }
}

TEST_CASE("text that must be refused is refused in every place") {
  for (const auto value : kBadValues) {
    for (const auto& text : placed(value)) {
      // A few texts are only bad by themselves: "1,000" is two good items of an array.
      if (text.size() != value.size() && reference::valid_json(text)) continue;
      check(text, false);
    }
  }
  for (const auto text : kBadTexts) check(text, false);
}

TEST_CASE("every prefix of good text is refused, but for numbers") {
  const std::string_view text = R"( {"a":[1.5e+3,"\u00e9\n",true,null,false,{"b":-0}],"é":""} )";
  for (std::size_t size = 0; size < text.size(); ++size) {
    check(text.substr(0, size), reference::valid_json(text.substr(0, size)));
  }
  check(text, true);
}

TEST_CASE("nesting is limited exactly, however it is opened") {
  const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += open;
    text += "0";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return text;
  };
  for (const std::size_t depth : {1U, 2U, 63U, 64U, 65U, 127U, 128U, 129U, 130U, 500U}) {
    CAPTURE(depth);
    CHECK(splitter_accepts(nested(depth, "[", "]")) == (depth <= 128));
    CHECK(splitter_accepts(nested(depth, "{\"a\":", "}")) == (depth <= 128));
    CHECK(splitter_accepts(nested(depth / 2, "[{\"a\":", "}]")) == (depth / 2 * 2 <= 128));
    const std::string body = in("{\"id\":7,\"result\":", nested(depth, "[", "]"), "}");
    CHECK(parse_reply(body, 128).valid == (depth < 128));
    ReplyStream stream(7, 128);
    stream.feed(body);
    CHECK(stream.finish() == (depth < 128));
  }
  // Deeper than any limit can allow, and never closed.
  CHECK_FALSE(splitter_accepts(std::string(100'000, '[')));
  CHECK_FALSE(splitter_accepts(nested(50'000, "[{\"\":", "")));
  Splitter splitter;
  CHECK(splitter.split(std::string(100'000, '['), {.depth_max = 1'000'000}).error_code ==
        kParseError);
}

TEST_CASE("a limit on nesting says so") {
  Splitter splitter;
  CHECK(splitter.split("[[[]]]", {.depth_max = 2}).error_text == "parse error: nested too deeply");
  CHECK(splitter.split("[[]]", {.depth_max = 2}).error_code == 0);
  CHECK(splitter.split("[", {.depth_max = 2}).error_text == "parse error: not valid JSON");
  CHECK(splitter.split("{}", {.depth_max = 0}).error_code == kParseError);
}
