// SPDX-License-Identifier: Apache-2.0
#include "config/quantity.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
struct Alias {
  std::string_view wrong, right;
};

// Ascending, so that the largest that divides is found from the back.
constexpr std::array kDurations{Unit{"us", 1e3}, Unit{"ms", 1e6},   Unit{"s", 1e9},
                                Unit{"m", 6e10}, Unit{"h", 3.6e12}, Unit{"d", 8.64e13}};
constexpr std::array kSizes{Unit{"B", 1}, Unit{"KiB", 1024}, Unit{"MiB", 1048576},
                            Unit{"GiB", 1073741824}, Unit{"TiB", 1099511627776}};
constexpr std::array kRates{Unit{"/h", 1.0 / 3600}, Unit{"/m", 1.0 / 60}, Unit{"/s", 1}};
constexpr std::array kPercents{Unit{"%", 0.01}};

// What people write who mean one of ours.
constexpr std::array kAliases{
    Alias{"sec", "s"},     Alias{"secs", "s"},    Alias{"second", "s"},  Alias{"seconds", "s"},
    Alias{"S", "s"},       Alias{"min", "m"},     Alias{"mins", "m"},    Alias{"minute", "m"},
    Alias{"minutes", "m"}, Alias{"hr", "h"},      Alias{"hour", "h"},    Alias{"hours", "h"},
    Alias{"H", "h"},       Alias{"day", "d"},     Alias{"days", "d"},    Alias{"msec", "ms"},
    Alias{"MS", "ms"},     Alias{"millis", "ms"}, Alias{"usec", "us"},   Alias{"\u00b5s", "us"},
    Alias{"b", "B"},       Alias{"byte", "B"},    Alias{"bytes", "B"},   Alias{"K", "KiB"},
    Alias{"k", "KiB"},     Alias{"KB", "KiB"},    Alias{"kB", "KiB"},    Alias{"kb", "KiB"},
    Alias{"kib", "KiB"},   Alias{"Ki", "KiB"},    Alias{"M", "MiB"},     Alias{"MB", "MiB"},
    Alias{"mb", "MiB"},    Alias{"mib", "MiB"},   Alias{"Mi", "MiB"},    Alias{"G", "GiB"},
    Alias{"g", "GiB"},     Alias{"GB", "GiB"},    Alias{"gb", "GiB"},    Alias{"gib", "GiB"},
    Alias{"Gi", "GiB"},    Alias{"rps", "/s"},    Alias{"/sec", "/s"},   Alias{"/second", "/s"},
    Alias{"req/s", "/s"},  Alias{"r/s", "/s"},    Alias{"/min", "/m"},   Alias{"/minute", "/m"},
    Alias{"r/m", "/m"},    Alias{"/hour", "/h"},  Alias{"percent", "%"}, Alias{"pct", "%"},
};

std::span<const Unit> units_of(Type type) {
  switch (type) {
    case Type::kDuration:
      return kDurations;
    case Type::kSize:
      return kSizes;
    case Type::kRate:
      return kRates;
    case Type::kPercent:
      return kPercents;
    default:
      return {};
  }
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Length of `digits[.digits]` at the front; 0 where there is none.
std::size_t number_length(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i == 0 || i + 1 >= text.size() || text[i] != '.' || !is_digit(text[i + 1])) return i;
  ++i;
  while (i < text.size() && is_digit(text[i])) ++i;
  return i;
}

double scaled(Type type, double number, double factor) {
  // A division rounds once where a product with an inexact factor rounds twice: 10% must be 0.1.
  if (type == Type::kPercent) return number / 100;
  if (type == Type::kRate) return number / std::round(1 / factor);
  return number * factor;
}

std::string_view model_unit(Type type, std::string_view model) {
  const std::string_view unit = model.substr(number_length(model));
  for (const Unit& known : units_of(type)) {
    if (known.name == unit) return unit;
  }
  return type == Type::kRate ? "/s" : units_of(type).back().name;
}

std::string meant_unit(Type type, std::string_view unit) {
  for (const Alias& alias : kAliases) {
    if (alias.wrong != unit) continue;
    for (const Unit& known : units_of(type)) {
      if (known.name == alias.right) return std::string(known.name);
    }
  }
  return {};
}

std::unexpected<QuantityError> unknown_unit(Type type, std::string_view number,
                                            std::string_view unit) {
  std::string_view bare = unit;
  while (bare.starts_with(' ')) bare.remove_prefix(1);
  std::string meant = meant_unit(type, bare);
  for (const Unit& known : units_of(type)) {
    if (known.name == bare) meant = bare;
  }
  return std::unexpected(
      QuantityError{QuantityError::kUnknownUnit, std::string(unit),
                    meant.empty() ? std::string{} : std::string(number) + meant});
}

/// Few digits first, so that 0.1 * 100 is shown as 10.
std::string shortest(Type type, double number, double factor, double wanted) {
  for (int digits = 1; digits < 17; ++digits) {
    std::string text = fmt::format("{:.{}g}", number, digits);
    double back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    if (text.find('e') == std::string::npos && scaled(type, back, factor) == wanted) return text;
  }
  return fmt::format("{}", number);
}

}  // namespace

std::expected<double, QuantityError> parse_quantity(Type type, std::string_view text,
                                                    std::string_view model) {
  const std::size_t length = number_length(text);
  const std::string_view number = text.substr(0, length);
  const std::string_view unit = text.substr(length);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) value = std::numeric_limits<double>::infinity();
  if (length == 0) return std::unexpected(QuantityError{QuantityError::kNotANumber, {}, {}});
  const auto units = units_of(type);
  if (units.empty()) {
    if (!unit.empty()) return std::unexpected(QuantityError{QuantityError::kNotANumber, {}, {}});
    const bool whole = type != Type::kCount || value == std::floor(value);
    if (!whole) return std::unexpected(QuantityError{QuantityError::kNotWhole, {}, {}});
    return value;
  }
  if (unit.empty()) {
    return std::unexpected(QuantityError{
        QuantityError::kNoUnit, {}, std::string(number) + std::string(model_unit(type, model))});
  }
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    const double result = scaled(type, value, known.factor);
    const bool integral = type == Type::kDuration || type == Type::kSize;
    return integral ? std::round(result) : result;
  }
  return unknown_unit(type, number, unit);
}

std::string format_quantity(Type type, double value) {
  const auto units = units_of(type);
  if (units.empty()) return fmt::format("{}", value);
  if (value == 0) {
    const std::string_view zero = type == Type::kDuration ? "s" : units.back().name;
    return type == Type::kSize ? "0B" : fmt::format("0{}", zero);
  }
  if (type == Type::kPercent) return shortest(type, value * 100, 0.01, value) + "%";
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const double number =
        type == Type::kRate ? std::round(value / unit->factor) : value / unit->factor;
    const bool exact = number >= 1 && number == std::floor(number) && number < 1e15 &&
                       scaled(type, number, unit->factor) == value;
    if (exact) return fmt::format("{:.0f}{}", number, unit->name);
  }
  const Unit& last = type == Type::kRate ? units.back() : units.front();
  return shortest(type, value / last.factor, last.factor, value) + std::string(last.name);
}

std::string describe_quantity(Type type, std::string_view model) {
  const auto like = [&](std::string_view what, std::string_view otherwise) {
    const bool usable = number_length(model) != 0;
    return fmt::format("{} such as '{}'", what, usable ? model : otherwise);
  };
  switch (type) {
    case Type::kDuration:
      return like("a duration", "30s");
    case Type::kSize:
      return like("a size", "5MiB");
    case Type::kPercent:
      return like("a percentage", "10%");
    case Type::kRate:
      return like("a rate", "300/s");
    case Type::kCount:
      return "a whole number";
    default:
      return "a number";
  }
}

std::string quantity_pattern(Type type) {
  std::string any;
  for (const Unit& unit : units_of(type)) {
    any += (any.empty() ? "" : "|") + std::string(unit.name);
  }
  return fmt::format("^[0-9]+(\\.[0-9]+)?({})$", any);
}

Bounds bounds_of(const Key& key) {
  Bounds bounds;
  if (const auto min = parse_quantity(key.type, key.min, {})) bounds.min = *min;
  if (const auto max = parse_quantity(key.type, key.max, {})) bounds.max = *max;
  return bounds;
}

}  // namespace sluice::config
