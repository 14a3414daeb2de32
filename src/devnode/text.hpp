// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ethereum/hex.hpp"

namespace sluice::devnode {

using Bytes32 = std::array<std::uint8_t, 32>;
using Address = std::array<std::uint8_t, 20>;

using ethereum::append_hex;
using ethereum::append_quantity;
using ethereum::parse_quantity;

/// Appends a quoted JSON string. Bytes outside printable ASCII are written as \u00XX, one escape
/// for each byte, so that any bytes at all can be shown and read back.
void append_json_string(std::string& out, std::string_view bytes);

/// `"key":"0x…",` for the renderers.
void append_quantity_field(std::string& out, std::string_view key, std::uint64_t value);
void append_hex_field(std::string& out, std::string_view key, std::span<const std::uint8_t> bytes);

/// Fills `out` from 0x and exactly twice as many digits.
[[nodiscard]] bool parse_fixed(std::string_view text, std::span<std::uint8_t> out) noexcept;

[[nodiscard]] inline std::string_view as_text(std::span<const std::uint8_t> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace sluice::devnode
