// SPDX-License-Identifier: Apache-2.0
// The splitter and simdjson's DOM must agree on what is JSON. Where they may not: simdjson refuses
// numbers beyond 64 bits and double, and lone surrogates, which pass here as they are; and it
// allows deeper nesting.
#include <string>
#include <string_view>

#include <simdjson.h>

#include "json_text.hpp"
#include "jsonrpc/codes.hpp"
#include "jsonrpc/splitter.hpp"
#include "reference_json.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;

namespace {

class Judges {
 public:
  bool accept(std::string_view text) {
    return splitter_.split(text, Limits{}).error_code != kParseError;
  }

  /// Whether the difference, if there is one, is of the kinds above.
  bool agree(std::string_view text, bool accepted) {
    const simdjson::padded_string padded(text);
    const auto error = parser_.parse(padded).error();
    if ((error == simdjson::SUCCESS) == accepted) return true;
    if (!accepted) return false;  // the texts here are never too deep
    if (error == simdjson::STRING_ERROR) {
      return text.find("\\ud") != std::string_view::npos ||
             text.find("\\uD") != std::string_view::npos;
    }
    // BIGINT_ERROR where simdjson has it; a number that is long or has an exponent.
    return error != simdjson::TAPE_ERROR && error != simdjson::UTF8_ERROR &&
           reference::valid_json(text) &&
           text.find_first_of("0123456789") != std::string_view::npos;
  }

 private:
  Splitter splitter_;
  simdjson::dom::parser parser_;
};

}  // namespace

TEST_CASE("random JSON is accepted as simdjson accepts it") {
  Judges judges;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    const std::string text = json_text::Generator(seed).value(1 + seed % 8);
    const bool accepted = judges.accept(text);
    if (!accepted || !judges.agree(text, accepted)) {
      CAPTURE(seed, text);
      FAIL("another verdict");
    }
  }
}

TEST_CASE("damaged JSON is refused and accepted as simdjson and the reference do") {
  Judges judges;
  std::size_t good = 0;
  std::size_t bad = 0;
  for (std::uint64_t seed = 1; seed <= 60'000; ++seed) {
    json_text::Generator generator(seed);
    std::string text = generator.value(1 + seed % 5);
    for (std::uint64_t i = 1 + generator.random().below(3); i > 0; --i) generator.damage(text);
    const bool accepted = judges.accept(text);
    ++(accepted ? good : bad);
    if (accepted != reference::valid_json(text) || !judges.agree(text, accepted)) {
      CAPTURE(seed, text, accepted);
      FAIL("another verdict");
    }
  }
  CHECK(good > 1000);
  CHECK(bad > 1000);
}
