// SPDX-License-Identifier: Apache-2.0
// The grammar of RFC 8259 over bytes that are all there: every scan_* takes [p, end), returns the
// byte after what it recognised, and null when the text is not that. Strict: UTF-8 is checked,
// nothing is repaired, nothing is copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "jsonrpc/bytes.hpp"
#include "jsonrpc/utf8.hpp"

namespace sluice::jsonrpc {

/// Deepest nesting that any scanner can be allowed; limits above it mean it.
inline constexpr std::size_t kDepthCeiling = 4096;

/// Which containers are open: one bit a level, so that scanning needs no recursion and no
/// allocation. Owned by whoever scans, on its stack or beside its state.
class Nesting {
 public:
  explicit Nesting(std::size_t depth_max) noexcept { reset(depth_max); }

  void reset(std::size_t depth_max) noexcept {
    depth_ = 0;
    depth_max_ = depth_max < kDepthCeiling ? depth_max : kDepthCeiling;
    too_deep_ = false;
  }

  /// False, and too_deep() from then on, when the limit is reached.
  [[nodiscard]] bool push(bool object) noexcept {
    if (depth_ >= depth_max_) {
      too_deep_ = true;
      return false;
    }
    auto& word = words_[depth_ / 64];
    const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
    word = object ? word | bit : word & ~bit;
    ++depth_;
    return true;
  }

  /// Precondition, also of in_object: depth() > 0.
  void pop() noexcept { --depth_; }

  [[nodiscard]] bool in_object() const noexcept {
    return ((words_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64)) & 1U) != 0;
  }

  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
  [[nodiscard]] bool too_deep() const noexcept { return too_deep_; }

 private:
  std::size_t depth_;
  std::size_t depth_max_;
  bool too_deep_;
  std::array<std::uint64_t, kDepthCeiling / 64> words_{};
};

/// A string whose opening quote lies before p.
[[nodiscard]] const char* scan_string(const char* p, const char* end) noexcept;
[[nodiscard]] const char* scan_number(const char* p, const char* end) noexcept;
/// Any value at p, with all that is in it.
[[nodiscard]] const char* scan_value(const char* p, const char* end, Nesting& nesting) noexcept;

/// From the end of a key to the value after the colon.
[[nodiscard]] inline const char* scan_colon(const char* p, const char* end) noexcept {
  p = skip_space(p, end);
  return p != end && *p == ':' ? skip_space(p + 1, end) : nullptr;
}

/// An object at p; `visit(key, value)` is called for each member with the raw key between its
/// quotes and the raw value.
template <class Visit>
[[nodiscard]] const char* scan_object(const char* p, const char* end, Nesting& nesting,
                                      Visit&& visit) {
  if (p == end || *p != '{' || !nesting.push(true)) return nullptr;
  p = skip_space(p + 1, end);
  if (p != end && *p == '}') {
    nesting.pop();
    return p + 1;
  }
  for (;;) {
    if (p == end || *p != '"') return nullptr;
    const char* const key = p + 1;
    const char* const key_end = scan_string(key, end);
    if (key_end == nullptr) return nullptr;
    const char* const value = scan_colon(key_end, end);
    if (value == nullptr) return nullptr;
    const char* const value_end = scan_value(value, end, nesting);
    if (value_end == nullptr) return nullptr;
    visit(std::string_view(key, key_end - 1), std::string_view(value, value_end));
    p = skip_space(value_end, end);
    if (p == end) return nullptr;
    if (*p == '}') {
      nesting.pop();
      return p + 1;
    }
    if (*p != ',') return nullptr;
    p = skip_space(p + 1, end);
  }
}

}  // namespace sluice::jsonrpc
