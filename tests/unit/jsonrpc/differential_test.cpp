// SPDX-License-Identifier: Apache-2.0
// The splitter must agree with simdjson and with the reference on what is JSON. A failure prints
// its seed, which alone makes the text.
#include <string>
#include <string_view>

#include "json_text.hpp"
#include "jsonrpc/codes.hpp"
#include "jsonrpc/splitter.hpp"
#include "reference_json.hpp"
#include "simdjson_judge.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;

namespace {

bool accepts(Splitter& splitter, std::string_view text) {
  return splitter.split(text, Limits{}).error_code != kParseError;
}

}  // namespace

TEST_CASE("random JSON is accepted as simdjson accepts it") {
  Splitter splitter;
  SimdjsonJudge judge;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    const std::string text = json_text::Generator(seed).value(1 + seed % 8);
    if (!accepts(splitter, text) || !judge.agrees(text, true)) {
      CAPTURE(seed, text);
      FAIL("another verdict");
    }
  }
}

TEST_CASE("damaged JSON is refused and accepted as simdjson and the reference do") {
  Splitter splitter;
  SimdjsonJudge judge;
  std::size_t good = 0;
  std::size_t bad = 0;
  for (std::uint64_t seed = 1; seed <= 60'000; ++seed) {
    json_text::Generator generator(seed);
    std::string text = generator.value(1 + seed % 5);
    for (std::uint64_t i = 1 + generator.random().below(3); i > 0; --i) generator.damage(text);
    const bool accepted = accepts(splitter, text);
    ++(accepted ? good : bad);
    if (accepted != reference::valid_json(text) || !judge.agrees(text, accepted)) {
      CAPTURE(seed, text, accepted);
      FAIL("another verdict");
    }
  }
  CHECK(good > 1000);
  CHECK(bad > 1000);
}
