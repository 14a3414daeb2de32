// SPDX-License-Identifier: Apache-2.0
#include "ws/utf8.hpp"

#include <cstring>

namespace sluice::ws {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

/// How many bytes at the front are ASCII, counted in steps of 16 and then 8; the rest is the
/// caller's.
std::size_t ascii_words(const char* text, std::size_t size) noexcept {
  std::size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::memcpy(&first, text + i, sizeof first);
    std::memcpy(&second, text + i + sizeof first, sizeof second);
    if (((first | second) & kHighBits) != 0) break;
  }
  for (; i + 8 <= size; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + i, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  return i;
}

}  // namespace

bool Utf8Validator::start(std::uint8_t lead) noexcept {
  // The well-formed byte sequences of the Unicode standard, table 3-7.
  if (lead < 0xC2 || lead > 0xF4) return false;
  low_ = 0x80;
  high_ = 0xBF;
  if (lead < 0xE0) {
    pending_ = 1;
  } else if (lead < 0xF0) {
    pending_ = 2;
    if (lead == 0xE0) low_ = 0xA0;
    if (lead == 0xED) high_ = 0x9F;
  } else {
    pending_ = 3;
    if (lead == 0xF0) low_ = 0x90;
    if (lead == 0xF4) high_ = 0x8F;
  }
  return true;
}

bool Utf8Validator::follow(std::uint8_t byte) noexcept {
  if (byte < low_ || byte > high_) return false;
  --pending_;
  low_ = 0x80;
  high_ = 0xBF;
  return true;
}

bool Utf8Validator::feed(const char* text, std::size_t size) noexcept {
  std::size_t i = 0;
  while (i < size) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (pending_ != 0) {
      if (!follow(byte)) return false;
      ++i;
    } else if (byte < 0x80) {
      const std::size_t words = ascii_words(text + i, size - i);
      i += words != 0 ? words : 1;
    } else {
      if (!start(byte)) return false;
      ++i;
    }
  }
  return true;
}

bool is_utf8(std::string_view text) noexcept {
  Utf8Validator validator;
  return validator.feed(text.data(), text.size()) && validator.complete();
}

}  // namespace sluice::ws
