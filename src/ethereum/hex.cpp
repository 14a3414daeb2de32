// SPDX-License-Identifier: Apache-2.0
#include "ethereum/hex.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace sluice::ethereum {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

constexpr auto kNibbles = [] {
  std::array<std::int8_t, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<std::int8_t>(hex_digit(static_cast<char>(i)));
  }
  return table;
}();

}  // namespace

std::optional<std::uint64_t> parse_quantity(std::string_view text) noexcept {
  if (text.size() < 3 || !has_hex_prefix(text)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text.substr(2)) {
    const int digit = kNibbles[static_cast<unsigned char>(c)];
    if (digit < 0 || (value >> 60) != 0) return std::nullopt;
    value = (value << 4) | static_cast<std::uint64_t>(digit);
  }
  return value;
}

void append_quantity(std::string& out, std::uint64_t value) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  out.append("0x").append(digits.data(), end);
}

void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
  out.reserve(out.size() + 2 + bytes.size() * 2);
  out.append("0x");
  for (const auto byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15U]);
  }
}

bool decode_hex(std::string_view digits, std::span<std::uint8_t> out) noexcept {
  if (digits.size() % 2 != 0 || out.size() < digits.size() / 2) return false;
  int seen = 0;
  for (std::size_t i = 0; i < digits.size() / 2; ++i) {
    const int high = kNibbles[static_cast<unsigned char>(digits[2 * i])];
    const int low = kNibbles[static_cast<unsigned char>(digits[2 * i + 1])];
    seen |= high | low;  // a negative value keeps its sign bit through to the end
    out[i] =
        static_cast<std::uint8_t>((static_cast<unsigned>(high) << 4) | static_cast<unsigned>(low));
  }
  return seen >= 0;
}

}  // namespace sluice::ethereum
