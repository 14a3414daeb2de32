// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/key.hpp"

/// Numbers with units: text to value and back.
namespace sluice::config {

struct QuantityError {
  enum Kind : std::uint8_t { kNotANumber, kNoUnit, kUnknownUnit, kNotWhole };
  Kind kind = kNotANumber;
  std::string unit;        // the unknown one
  std::string suggestion;  // the whole text as it should be written; may be empty
};

/// Reads `text` as a value of a numeric type: nanoseconds, bytes, a ratio in 0..1, per second, or
/// the plain number. No sign, no exponent, no hexadecimal, no space. `model` is a correct text of
/// the same key, whose unit is suggested where none was written. Exact up to 2^53.
[[nodiscard]] std::expected<double, QuantityError> parse_quantity(Type type, std::string_view text,
                                                                  std::string_view model);

/// The shortest text that parse_quantity() reads back as the same value; the largest unit that
/// divides it.
[[nodiscard]] std::string format_quantity(Type type, double value);

/// `a duration such as '30s'`, for messages.
[[nodiscard]] std::string describe_quantity(Type type, std::string_view model);

/// A regular expression (ECMA 262) for what parse_quantity() accepts.
[[nodiscard]] std::string quantity_pattern(Type type);

/// Bounds of a row in the units of parse_quantity(); the widest where the row has none.
struct Bounds {
  double min = 0;
  double max = 9007199254740991.0;  // 2^53 - 1
};
[[nodiscard]] Bounds bounds_of(const Key& key);

}  // namespace sluice::config
