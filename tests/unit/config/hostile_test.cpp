// SPDX-License-Identifier: Apache-2.0
// Texts that are made to hurt: all are refused quickly, with one clear complaint.
#include "text_loading.hpp"

using namespace sluice::config;

namespace {

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("aliases that unfold without end are refused") {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias +
            repeat(", " + alias, 8) + "]\n";
  }
  const std::string said = complaints(load_text(text));
  CHECK(said.ends_with("error: more than 200000 values, aliases unfolded"));
}

TEST_CASE("deep nesting is refused") {
  CHECK(complaints(load_text("a: " + repeat("[", 1000) + repeat("]", 1000))) ==
        "1:35: error: nested deeper than 32 levels");
  CHECK_FALSE(load_text("a: " + repeat("[", 500000)).config);
  CHECK(complaints(load_text("a: " + repeat("{a: ", 10000)))
            .ends_with("nested deeper than 32 levels"));
  CHECK(complaints(load_text(repeat("- ", 5000) + "a")).ends_with("nested deeper than 32 levels"));
  CHECK(complaints(load_text(repeat("? ", 5000) + "a")).ends_with("a key must be a plain word"));
}

TEST_CASE("what is not text is refused, and says where") {
  const struct {
    const char* name;
    std::string text;
    const char* where;
  } cases[] = {
      {"NUL", std::string("a: b\nc\0: d", 10), "2:2"},
      {"escape", "a: \x1b[31m", "1:4"},
      {"Latin-1", "a: caf\xe9", "1:7"},
      {"UTF-16",
       std::string("\xff\xfe"
                   "a\0:\0",
                   6),
       "1:1"},
      {"overlong", "a: \xc0\xaf", "1:4"},
      {"overlong, 3 bytes", "a: \xe0\x80\xaf", "1:4"},
      {"surrogate", "a: \xed\xa0\x80", "1:4"},
      {"beyond Unicode", "a: \xf4\x90\x80\x80", "1:4"},
      {"cut short", "a: \xe2\x82", "1:4"},
      {"after a wide character", "\xc3\xa9: \xff", "1:4"},
      {"ELF",
       std::string("\x7f"
                   "ELF\x02\x01\x01\0",
                   8),
       "1:1"},
  };
  for (const auto& each : cases) {
    INFO(each.name);
    CHECK(complaints(load_text(each.text)) ==
          std::string(each.where) +
              ": error: not a text file: a byte that is not UTF-8 or not printable");
  }
}

TEST_CASE("names outside ASCII are unknown keys, and columns count characters") {
  CHECK(
      complaints(load_text("\xc3\xa9: 1\nupstreams: [\"http://h\xc3\xb6st\", http://a:1]")) ==
      "1:1: error: unknown key '\xc3\xa9'\n"
      "2:13: error: 'upstreams[0].url' holds a space, a control character or a byte beyond ASCII");
}

TEST_CASE("a file of rubbish does not fill the log") {
  std::string text = "upstreams: [http://a:1]\n";
  for (int i = 0; i < 900; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const Loaded loaded = load_text(text);
  CHECK(loaded.diagnostics.size() == 201);
  CHECK(loaded.diagnostics.back().render() ==
        "/etc/sluice/t.yaml: error: 700 more problems are not shown");
  CHECK(complaints(load_text(text + repeat("z", 10) + "\n" + text)).size() < 100000);
}

TEST_CASE("maps without end are refused") {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  CHECK(complaints(load_text(text)) == "1001:1: error: more than 1000 keys in one map");
}

TEST_CASE("long names and control characters do not get into messages") {
  const std::string said = complaints(load_text("upstreams: [http://a:1]\n\"" + repeat("x", 500) +
                                                "\": 1\n"
                                                "\"a\\nb\\e\": 1\n"));
  CHECK(said ==
        "2:1: error: unknown key '" + repeat("x", 64) + "...'\n3:1: error: unknown key 'a?b?'");
}
