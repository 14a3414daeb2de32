// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::ethereum {

/// The value 0..15 of a hex digit of either case, or -1.
[[nodiscard]] constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

[[nodiscard]] constexpr bool has_hex_prefix(std::string_view text) noexcept {
  return text.size() >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/// Reads a quantity such as `0x1b4`, without quotes. Leading zeros are let pass, since some nodes
/// write them; nothing after the prefix, another character, or a value above 64 bits is nullopt.
[[nodiscard]] std::optional<std::uint64_t> parse_quantity(std::string_view text) noexcept;

/// Appends the canonical form: `0x0`, `0x1b4`; lower case, no leading zeros, no quotes.
void append_quantity(std::string& out, std::uint64_t value);

/// Appends `0x` and two lower-case digits per byte, no quotes.
void append_hex(std::string& out, std::span<const std::uint8_t> bytes);

/// Decodes pairs of digits (no prefix) into `out`, which must hold digits.size() / 2 bytes. False
/// on an odd count or a character that is not a hex digit; `out` is then unspecified.
[[nodiscard]] bool decode_hex(std::string_view digits, std::span<std::uint8_t> out) noexcept;

}  // namespace sluice::ethereum
