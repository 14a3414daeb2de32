// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {

/// What stands in the place of a secret wherever text is made for people.
inline constexpr std::string_view kHidden = "***";

/// A value that must not be shown: every way of printing it prints `***`; only value() gives the
/// text. A plain value type without threads or owners of its own. It does not wipe its memory.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  [[nodiscard]] const std::string& value() const noexcept { return value_; }
  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) {
  return out << kHidden;
}

}  // namespace sluice::config

template <>
struct fmt::formatter<sluice::config::Secret> : fmt::formatter<std::string_view> {
  auto format(const sluice::config::Secret&, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(sluice::config::kHidden, context);
  }
};
