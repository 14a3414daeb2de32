// SPDX-License-Identifier: Apache-2.0
#include "devnode/text.hpp"

namespace sluice::devnode {

void append_json_string(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += '"';
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      out += "\\u00";
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_quantity_field(std::string& out, std::string_view key, std::uint64_t value) {
  out += '"';
  out += key;
  out += "\":\"";
  append_quantity(out, value);
  out += "\",";
}

void append_hex_field(std::string& out, std::string_view key, std::span<const std::uint8_t> bytes) {
  out += '"';
  out += key;
  out += "\":\"";
  append_hex(out, bytes);
  out += "\",";
}

bool parse_fixed(std::string_view text, std::span<std::uint8_t> out) noexcept {
  return ethereum::has_hex_prefix(text) && text.size() == 2 + 2 * out.size() &&
         ethereum::decode_hex(text.substr(2), out);
}

}  // namespace sluice::devnode
