// SPDX-License-Identifier: Apache-2.0
#include "cases.hpp"

namespace sluice::ws::test {
namespace {

struct Text {
  const char* name;
  std::string bytes;
};

std::vector<Text> valid_texts() {
  using namespace std::string_literals;
  return {
      {"Greek", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"},
      {"mixed", "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"},
      {"U+0000", "\x00"s},
      {"U+007F", "\x7f"},
      {"U+0080", "\xc2\x80"},
      {"U+07FF", "\xdf\xbf"},
      {"U+0800", "\xe0\xa0\x80"},
      {"U+D7FF", "\xed\x9f\xbf"},
      {"U+E000", "\xee\x80\x80"},
      {"U+FFFD", "\xef\xbf\xbd"},
      {"U+FFFE, no character", "\xef\xbf\xbe"},
      {"U+FFFF, no character", "\xef\xbf\xbf"},
      {"byte order mark", "\xef\xbb\xbfx"},
      {"U+10000", "\xf0\x90\x80\x80"},
      {"U+1FFFE", "\xf0\x9f\xbf\xbe"},
      {"U+FFFFF", "\xf3\xbf\xbf\xbf"},
      {"U+10FFFF", "\xf4\x8f\xbf\xbf"},
      {"long ASCII, then a character, then ASCII",
       std::string(37, 'a') + "\xf0\x9f\x98\x80" + std::string(41, 'b')},
  };
}

std::vector<Text> invalid_texts() {
  return {
      {"lone continuation 80", "\x80"},
      {"lone continuation BF", "\xbf"},
      {"two continuations", "\x80\xbf"},
      {"continuation after ASCII", "abc\x80"},
      {"continuation after 16 of ASCII", std::string(16, 'a') + "\x80"},
      {"continuation too many", "\xc3\xa9\xa9"},
      {"FE", "\xfe"},
      {"FF", "\xff"},
      {"F5", "\xf5\x80\x80\x80"},
      {"F8, five bytes", "\xf8\x88\x80\x80\x80"},
      {"FC, six bytes", "\xfc\x84\x80\x80\x80\x80"},
      {"overlong / in two", "\xc0\xaf"},
      {"overlong / in three", "\xe0\x80\xaf"},
      {"overlong / in four", "\xf0\x80\x80\xaf"},
      {"overlong U+007F", "\xc1\xbf"},
      {"overlong U+07FF", "\xe0\x9f\xbf"},
      {"overlong U+FFFF", "\xf0\x8f\xbf\xbf"},
      {"overlong NUL", "\xc0\x80"},
      {"surrogate D800", "\xed\xa0\x80"},
      {"surrogate DBFF", "\xed\xaf\xbf"},
      {"surrogate DFFF", "\xed\xbf\xbf"},
      {"surrogate pair", "\xed\xa0\x80\xed\xb0\x80"},
      {"U+110000", "\xf4\x90\x80\x80"},
      {"two-byte lead, then ASCII", "\xc3 "},
      {"three-byte lead, then ASCII", "\xe2\x82 "},
      {"four-byte lead, then ASCII", "\xf0\x9f\x98 "},
      {"lead upon lead", "\xe2\xe2\x82\xac"},
      {"bad byte far behind ASCII", std::string(61, 'a') + "\xff" + std::string(30, 'a')},
      {"Greek, surrogate, ASCII",
       "\xce\xba\xe1\xbd\xb9\xed\xa0\x80"
       "edited"},
      {"cut after one of two", "ok\xc3"},
      {"cut after one of three", "ok\xe2"},
      {"cut after two of three", "ok\xe2\x82"},
      {"cut after one of four", "ok\xf0"},
      {"cut after three of four", "ok\xf0\x9f\x98"},
  };
}

/// The text in two fragments, cut at `at`.
std::vector<FrameSpec> halves(const std::string& bytes, std::size_t at) {
  return {frame(kText, bytes.substr(0, at), false), frame(kCont, bytes.substr(at))};
}

}  // namespace

std::vector<Case> utf8_cases() {
  std::vector<Case> rows;
  for (const auto& [name, bytes] : valid_texts()) {
    rows.push_back({std::string("valid: ") + name, {frame(kText, bytes)}, text(bytes)});
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
      rows.push_back({std::string("valid in two: ") + name, halves(bytes, at), text(bytes)});
    }
  }
  for (const auto& [name, bytes] : invalid_texts()) {
    rows.push_back(
        {std::string("invalid: ") + name, {frame(kText, bytes), frame(kText, "x")}, error(1007)});
    rows.push_back(
        {std::string("as binary it is fine: ") + name, {frame(kBin, bytes)}, binary(bytes)});
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
      rows.push_back({std::string("invalid in two: ") + name, halves(bytes, at), error(1007)});
    }
  }
  rows.push_back({"character cut by a ping",
                  {frame(kText, "\xe2", false), frame(kPing, "\xff"), frame(kCont, "\x82\xac")},
                  ping("\xff") + text("\xe2\x82\xac")});
  rows.push_back({"half a character does not leak into the next message",
                  {frame(kBin, "\xe2", false), frame(kCont, ""), frame(kText, "\xe2\x82\xac")},
                  binary("\xe2") + text("\xe2\x82\xac")});
  rows.push_back({"JSON as binary", {frame(kBin, R"({"id":1})")}, binary(R"({"id":1})")});
  return rows;
}

}  // namespace sluice::ws::test
