// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// A number as text, on the stack.
class Decimal {
 public:
  explicit Decimal(std::uint64_t value) noexcept
      : size_(static_cast<std::size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr -
            digits_.data())) {}
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // NOLINTNEXTLINE(google-explicit-constructor): stands where text stands.
  operator std::string_view() const noexcept { return {digits_.data(), size_}; }

 private:
  std::array<char, 20> digits_;
  std::size_t size_;
};

namespace detail {
/// From n to 2n bytes, by two moves that may overlap.
template <std::size_t n>
inline void copy_halves(char* at, const char* from, std::size_t size) noexcept {
  std::array<char, n> first;
  std::array<char, n> last;
  std::memcpy(first.data(), from, n);
  std::memcpy(last.data(), from + size - n, n);
  std::memcpy(at, first.data(), n);
  std::memcpy(at + size - n, last.data(), n);
}

/// Most parts are a word or a number: a call for each would cost more than its bytes.
inline char* put(char* at, std::string_view part) noexcept {
  const char* const from = part.data();
  const std::size_t size = part.size();
  if (size > 32) {
    std::memcpy(at, from, size);
  } else if (size > 16) {
    copy_halves<16>(at, from, size);
  } else if (size >= 8) {
    copy_halves<8>(at, from, size);
  } else if (size >= 4) {
    copy_halves<4>(at, from, size);
  } else if (size != 0) {
    at[0] = from[0];
    if (size >= 2) copy_halves<2>(at, from, size);
  }
  return at + size;
}
}  // namespace detail

/// Appends texts one after another. A chain of append() checks and grows at each of them, which
/// costs more than the bytes where heads of a few dozen parts are written for each call.
template <std::convertible_to<std::string_view>... Parts>
void append_parts(std::string& out, const Parts&... parts) {
  const std::size_t before = out.size();
  const std::size_t total = (before + ... + std::string_view(parts).size());
  // libstdc++ 12 tells the room that it made, which may be more than was asked for.
  out.resize_and_overwrite(total, [&](char* data, std::size_t /*room*/) noexcept {
    char* at = data + before;
    ((at = detail::put(at, parts)), ...);
    return total;
  });
}

inline void append_parts(std::string& out, std::span<const std::string_view> parts) {
  const std::size_t before = out.size();
  std::size_t total = before;
  for (const auto part : parts) total += part.size();
  out.resize_and_overwrite(total, [&](char* data, std::size_t /*room*/) noexcept {
    char* at = data + before;
    for (const auto part : parts) at = detail::put(at, part);
    return total;
  });
}

}  // namespace sluice
