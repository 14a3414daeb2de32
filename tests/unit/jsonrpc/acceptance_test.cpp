// SPDX-License-Identifier: Apache-2.0
// What is taken for JSON, topic by topic, in the breadth of the public conformance suites: texts
// that every parser must take, texts that none may, and texts that RFC 8259 leaves to the parser,
// each of these with what is done here and why. simdjson gives a second opinion wherever it has to
// have the same. Beside grammar_test.cpp, which tries the tokens in every place they may stand in.
#include <string>
#include <string_view>
#include <vector>

#include "jsonrpc/codes.hpp"
#include "jsonrpc/splitter.hpp"
#include "reference_json.hpp"
#include "simdjson_judge.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;
using namespace std::string_view_literals;

namespace {

struct Topic {
  const char* about;
  std::vector<std::string_view> texts;
};

// clang-format off
const std::vector<Topic> kMust = {
    {"arrays",
     {"[[]   ]", "[\"\"]", "[]", "[\"ends with a line\"]\n", "[false]", "[null, 1, \"1\", {}]", "[null]",
      "[1\n]", " [1]", "[1,null,null,null,2]", "[2] ", "[[[]],[[]]]"}},
    {"numbers",
     {"[123e65]", "[0e+1]", "[0e1]", "[ 4]", "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
      "[20e1]", "[-0]", "[-123]", "[-1]", "[-0.0]", "[1E22]", "[1E-2]", "[1E+2]", "[123e45]", "[123.456e78]", "[1e-2]",
      "[1e+2]", "[123]", "[123.456789]", "[9223372036854775807]", "[-9223372036854775808]", "[18446744073709551615]"}},
    {"objects",
     {"{\"asd\":\"sdf\", \"dfg\":\"fgh\"}", "{\"asd\":\"sdf\"}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"a\":\"b\",\"a\":\"b\"}", "{}",
      "{\"\":0}", "{\"foo\\u0000bar\": 42}", "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
      "{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
      "{\"a\":[]}", "{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\"}", "{\n\"a\": \"b\"\n}", "{\"a\":{\"a\":{\"a\":{}}}}"}},
    {"strings: escapes",
     {"[\"\\u0060\\u012a\\u12AB\"]", "[\"\\uD801\\udc37\"]", "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
      "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\\u0000\"]", "[\"\\\"\"]", "[\"a/*b*/c/*d//e\"]", "[\"\\\\a\"]", "[\"\\\\n\"]",
      "[\"\\u0012\"]", "[\"\\uFFFF\"]", "[\"\\uDBFF\\uDFFF\"]", "[\"new\\u00A0line\"]", "[\"\\u0000\"]", "[\"\\u002c\"]",
      "[\"\\uD834\\uDd1e\"]", "[\"\\u0821\"]", "[\"\\u0123\"]", "[\"\\u0061\\u30af\\u30EA\\u30b9\"]", "[\"new\\u000Aline\"]",
      "[\"\\uA66D\"]", "[\"\\u005C\"]", "[\"\\uDBFF\\uDFFE\"]", "[\"\\uD83F\\uDFFE\"]", "[\"\\u200B\"]", "[\"\\u2064\"]",
      "[\"\\uFDD0\"]", "[\"\\uFFFE\"]", "[\"\\u0022\"]", "[\"\\u007F\"]"}},
    {"strings: bytes",
     {"[\"asd\"]", "[ \"asd\"]", "[\"\xf4\x8f\xbf\xbf\"]", "[\"\xef\xbf\xbf\"]", "[\",\"]", "[\"\xcf\x80\"]", "[\"\xf0\x9b\xbf\xbf\"]",
      "[\"asd \"]", "\" \"", "[\"\xe2\x80\xa8\"]", "[\"\xe2\x80\xa9\"]", "[\"\x7f\"]", "[\"\xe2\x8d\x82\xe3\x88\xb4\xe2\x8d\x82\"]",
      "[\"\xe2\x82\xac\xf0\x9d\x84\x9e\"]", "[\"a\x7f" "a\"]", "[\"\xf0\x9d\x84\x9e\"]", "[\"\xef\xbb\xbf\"]"}},
    {"structure",
     {"false", "42", "-0.1", "null", "\"asd\"", "true", "\"\"", "[\"a\"]\n", "[true]", " [] ", "\t\r\n {}", "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"}},
};

const std::vector<Topic> kMustNot = {
    {"arrays",
     {"[1 true]", "[a\xe5]", "[\"\": 1]", "[\"\"],", "[,1]", "[1,,2]", "[\"x\",,]", "[\"x\"]]", "[\"\",]", "[\"x\"", "[x", "[3[4]]",
      "[\xff]", "[1:2]", "[,]", "[-]", "[   , \"\"]", "[\"a\",\n4\n,1,", "[1,]", "[1,,]", "[\"\va\"\\f]", "[*]", "[\"\"", "[1,",
      "[1,\n1\n,1", "[{}", "[\"a\" \"b\"]", "[1]2]", "[null,]", "[;]"}},
    {"words",
     {"[fals]", "[nul]", "[tru]", "[True]", "[nULL]", "[falsee]", "[truetrue]", "[nan]", "[undefined]"}},
    {"numbers",
     {"[++1234]", "[+1]", "[+Inf]", "[-01]", "[-1.0.]", "[-2.]", "[-NaN]", "[.-1]", "[.2e-3]", "[0.1.2]", "[0.3e+]", "[0.3e]",
      "[0.e1]", "[0E+]", "[0E]", "[0e+]", "[0e]", "[1.0e+]", "[1.0e-]", "[1.0e]", "[1 000.0]", "[1eE2]", "[2.e+3]", "[2.e-3]",
      "[2.e3]", "[9.e+]", "[Inf]", "[NaN]", "[\xef\xbc\x91]", "[1+2]", "[0x1]", "[0x42]", "[Infinity]", "[0e+-1]", "[-123.123foo]",
      "[123\xe5]", "[1e1\xe5]", "[0\xe5]", "[-Infinity]", "[-foo]", "[- 1]", "[-012]", "[-.123]", "[-1x]", "[1ea]", "[1e1\xe5]",
      "[1.]", "[.123]", "[1.2a-3]", "[1.8011670033376514H-308]", "[012]", "[1e5.5]", "[--1]", "[1e+ 1]", "[1 .5]", "[00]"}},
    {"objects",
     {"[\"x\", truth]", "{[: \"x\"}\n", "{\"x\", null}", "{\"x\"::\"b\"}", "{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}", "{\"a\":\"a\" 123}",
      "{key: 'value'}", "{\"\xb9\":\"0\",}", "{\"a\" b}", "{:\"b\"}", "{\"a\" \"b\"}", "{\"a\":", "{\"a\"", "{1:1}",
      "{9999E9999:1}", "{null:null,null:null}", "{\"id\":0,,,,,}", "{'a':0}", "{\"id\":0,}", "{\"a\":\"b\"}/**/", "{\"a\":\"b\"}/**//",
      "{\"a\":\"b\"}//", "{\"a\":\"b\"}/", "{\"a\":\"b\",,\"c\":\"d\"}", "{a: \"b\"}", "{\"a\":\"a", "{ \"foo\" : \"bar\", \"a\" }",
      "{\"a\":\"b\"}#", "{\"a\":1,\"b\"}", "{true:1}", "{\"a\":1]}", "{\"a\"}", "{,}"}},
    {"strings: escapes",
     {"[\"\\uD800\\\"]", "[\"\\uD800\\u\"]", "[\"\\uD800\\u1\"]", "[\"\\uD800\\u1x\"]", "[\"\\x00\"]", "[\"\\\\\\\"]", "[\"\\\t\"]",
      "[\"\\\xf0\x9f\x8c\x80\"]", "[\"\\\"]", "[\"\\u00A\"]", "[\"\\uD834\\uDd\"]", "[\"\\uD800\\uD800\\x\"]", "[\"\\u\xe5\"]", "[\"\\a\"]",
      "[\"\\uqqqq\"]", "[\"\\\xe5\"]", "[\\u0020\"asd\"]", "[\\n]", "\"\\UA66D\"", "[\"\\e\"]", "[\"\\'\"]", "[\"\\N\"]", "[\"\\u{41}\"]",
      "[\"\\\n\"]", "[\"\\u00\"]", "[\"\\"}},
    {"strings: bytes",
     {"[\"\xe5\\\"]", "[\xc3\xa9]", "\"", "['single quote']", "abc", "[\"\\", "[\"a\0a\"]"sv, "[\"new\nline\"]", "[\"\t\"]", "[\"a\rb\"]",
      "[\"\x1f\"]", "\"x\"x", "[\"\xe2\x82\"]", "\"\"\"", "[\"a]", "[\"\xc3\"]"}},
    {"structure",
     {"<.>", "[<null>]", "[1]x", "[1]]", "[\"asd]", "a\xc3\xa5", "[True]", "1]", "{\"x\": true,", "[][]", "]", "\xef\xbb{}", "\xe5", "[",
      "", "[\0]"sv, "2@", "{}}", "{\"\":", "{\"a\":/*comment*/\"b\"}", "{\"a\": true} \"x\"", "['", "[,", "[{", "[\"a", "[\"a\"", "{",
      "{]", "{,", "{[", "{\"a", "{'a'", "[\"\\{[\"\\{[\"\\{", "\xc3\xa9", "*", "{\"a\":\"b\"}#{}", "[\\u000A\"\"]", "[1", "[ false, nul",
      "[ true, fals", "[ false, tru", "{\"asd\":\"asd\"", "\xc3\xa5", "[\xe2\x81\xa0]", "\xef\xbb\xbf", "[\f]", " ", "\0"sv, "{}\0"sv,
      "[]\xc2\xa0", "//\n[]", "[1]\v"}},
};

struct Choice {
  const char* about;
  std::string_view text;
  bool accepted;
};

/// Numbers and lone surrogates pass as they are: their bytes are the nodes' and the clients'. Bytes
/// that are no UTF-8 are refused, since RFC 8259 8.1 asks for it between systems and clients would
/// choke on their echo.
const std::vector<Choice> kChoices = {
    {"a number too small for a double", "[123.456e-789]", true},
    {"an exponent too large for anything", "[0.4e006699999999999999999999999999999999999999999999999999]", true},
    {"an integer with a huge exponent", "[-1e+9999]", true},
    {"a real with a huge exponent", "[1.5e+9999]", true},
    {"a negative overflow", "[-123123e100000]", true},
    {"a positive overflow", "[123123e100000]", true},
    {"an underflow", "[123e-10000000]", true},
    {"an integer below 64 bits", "[-123123123123123123123123123123]", true},
    {"an integer above 64 bits", "[100000000000000000000]", true},
    {"an integer far below", "[-237462374673276894279832749832423479823246327846]", true},
    {"a key with a lone second surrogate", "{\"\\uDFAA\":0}", true},
    {"a first surrogate alone", "[\"\\uDADA\"]", true},
    {"a first surrogate before another character", "[\"\\uD888\\u1234\"]", true},
    {"a first surrogate before an escape", "[\"\\uD800\\n\"]", true},
    {"a pair that is cut", "[\"\\uDd1ea\"]", true},
    {"two first surrogates before an escape", "[\"\\uD800\\uD800\\n\"]", true},
    {"a lone surrogate", "[\"\\ud800\"]", true},
    {"a lone surrogate before text", "[\"\\ud800abc\"]", true},
    {"a pair the wrong way round", "[\"\\uDd1e\\uD834\"]", true},
    {"a second surrogate alone", "[\"\\uDFAA\"]", true},
    {"bytes that are no UTF-8", "[\"\xe6\x97\xa5\xd1\x88\xfa\"]", false},
    {"a surrogate in UTF-8", "[\"\xed\xa0\x80\"]", false},
    {"0xff", "[\"\xff\"]", false},
    {"Latin 1", "[\"\xe9\"]", false},
    {"a lone continuation byte", "[\"\x81\"]", false},
    {"beyond Unicode", "[\"\xf4\xbf\xbf\xbf\"]", false},
    {"an overlong form of two bytes", "[\"\xc0\xaf\"]", false},
    {"an overlong form of six bytes", "[\"\xfc\x83\xbf\xbf\xbf\xbf\"]", false},
    {"an overlong null of six bytes", "[\"\xfc\x80\x80\x80\x80\x80\"]", false},
    {"a sequence that is cut", "[\"\xe0\xff\"]", false},
    {"UTF-16, little endian with its mark", "\xff\xfe[\0\"\0\xe9\0\"\0]\0"sv, false},
    {"UTF-16, big endian", "\0[\0\"\0\xe9\0\"\0]"sv, false},
    {"UTF-16, little endian", "[\0\"\0\xe9\0\"\0]\0"sv, false},
    {"a byte order mark, which RFC 8259 8.1 lets a parser refuse", "\xef\xbb\xbf{}", false},
};
// clang-format on

std::string nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

bool accepts(std::string_view text) {
  Splitter splitter;
  return splitter.split(text, Limits{}).error_code != kParseError;
}

std::size_t count(const std::vector<Topic>& topics) {
  std::size_t total = 0;
  for (const Topic& topic : topics) total += topic.texts.size();
  return total;
}

void check_all(const std::vector<Topic>& topics, bool accept) {
  SimdjsonJudge judge;
  for (const Topic& topic : topics) {
    for (const auto text : topic.texts) {
      INFO(topic.about << ": " << text);
      CHECK(accepts(text) == accept);
      CHECK(reference::valid_json(text) == accept);
      CHECK(judge.agrees(text, accept));
    }
  }
}

}  // namespace

TEST_CASE("JSON that every parser must take") {
  CHECK(count(kMust) >= 95);
  check_all(kMust, true);
}

TEST_CASE("text that no parser may take for JSON") {
  CHECK(count(kMustNot) >= 188);
  check_all(kMustNot, false);
  SimdjsonJudge judge;
  for (const auto& text : {nested(100'000, "[", ""), nested(50'000, "[{\"\":", "")}) {
    CHECK_FALSE(accepts(text));
    CHECK(judge.agrees(text, false));
  }
}

TEST_CASE("what RFC 8259 leaves to the parser") {
  CHECK(kChoices.size() + 1 >= 35);
  for (const Choice& row : kChoices) {
    INFO(row.about);
    CHECK(accepts(row.text) == row.accepted);
  }
  // Deeper than limits.json_depth, which is 128 unless it is set otherwise.
  const std::string deep = nested(500, "[", "]");
  CHECK_FALSE(accepts(deep));
  Splitter splitter;
  CHECK(splitter.split(deep, {.depth_max = 500}).error_code != kParseError);
}
