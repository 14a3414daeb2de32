// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include <simdjson.h>

#include "jsonrpc/bytes.hpp"
#include "reference_json.hpp"

/// simdjson's DOM as a second opinion on what is JSON. It differs by design: it refuses numbers
/// beyond 64 bits and double, and lone surrogates, which pass here as they are; it allows deeper
/// nesting, and newer versions skip a byte order mark.
class SimdjsonJudge {
 public:
  /// Whether a verdict is simdjson's, or the difference is of the kinds above.
  bool agrees(std::string_view text, bool accepted) {
    if (text.starts_with("\xef\xbb\xbf")) return true;
    const simdjson::padded_string padded(text);
    const auto error = parser_.parse(padded).error();
    if ((error == simdjson::SUCCESS) == accepted) return true;
    if (!accepted) return reference::valid_json(text, 1024);
    if (error == simdjson::STRING_ERROR) return has_surrogate(text);
    // Which code a number beyond 64 bits gets depends on the version.
    return error != simdjson::TAPE_ERROR && error != simdjson::UTF8_ERROR &&
           has_extreme_number(text);
  }

 private:
  static bool has_surrogate(std::string_view text) {
    return text.find("\\ud") != std::string_view::npos ||
           text.find("\\uD") != std::string_view::npos;
  }

  static bool has_extreme_number(std::string_view text) {
    using namespace sluice::jsonrpc;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      digits = is_byte(text[i], kDigitByte) ? digits + 1 : 0;
      const bool exponent = text[i] == 'e' || text[i] == 'E';
      if (digits >= 19 || (exponent && i > 0 && is_byte(text[i - 1], kDigitByte))) return true;
    }
    return false;
  }

  simdjson::dom::parser parser_;
};
