// SPDX-License-Identifier: Apache-2.0
#include "ws/frame.hpp"

#include <algorithm>
#include <array>

namespace sluice::ws {
namespace {

constexpr bool is_control(Opcode opcode) noexcept {
  return (static_cast<std::uint8_t>(opcode) & 0x8U) != 0;
}

char* put_big_endian(char* out, std::uint64_t value, unsigned bytes) noexcept {
  for (unsigned i = bytes; i-- > 0;) *out++ = static_cast<char>(value >> (8 * i));
  return out;
}

/// The longest prefix of at most `limit` bytes that does not end inside a character.
std::string_view cut_at_character(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<std::uint8_t>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

}  // namespace

std::size_t write_frame_header(char* out, Role role, Opcode opcode, std::uint64_t payload_size,
                               std::uint32_t key, bool fin) noexcept {
  char* at = out;
  *at++ = static_cast<char>((fin ? 0x80U : 0U) | static_cast<unsigned>(opcode));
  const unsigned mask_bit = role == Role::kClient ? 0x80U : 0U;
  if (payload_size < 126) {
    *at++ = static_cast<char>(mask_bit | static_cast<unsigned>(payload_size));
  } else if (payload_size <= 0xFFFF) {
    *at++ = static_cast<char>(mask_bit | 126U);
    at = put_big_endian(at, payload_size, 2);
  } else {
    *at++ = static_cast<char>(mask_bit | 127U);
    at = put_big_endian(at, payload_size, 8);
  }
  if (role == Role::kClient) at = put_big_endian(at, key, 4);
  return static_cast<std::size_t>(at - out);
}

void append_frame(std::string& out, Role role, Opcode opcode, std::string_view payload,
                  std::uint32_t key) {
  if (is_control(opcode)) payload = payload.substr(0, kControlPayloadMax);
  std::array<char, kFrameHeaderMax> header;
  const std::size_t header_size =
      write_frame_header(header.data(), role, opcode, payload.size(), key);
  out.append(header.data(), header_size);
  const std::size_t begin = out.size();
  out.append(payload);
  if (role == Role::kClient) apply_mask(out.data() + begin, payload.size(), mask_key(key), 0);
}

void append_close(std::string& out, Role role, std::uint16_t code, std::string_view reason,
                  std::uint32_t key) {
  if (!is_valid_close_code(code)) return append_frame(out, role, Opcode::kClose, {}, key);
  std::array<char, kControlPayloadMax> payload;
  char* at = put_big_endian(payload.data(), code, 2);
  reason = cut_at_character(reason, kCloseReasonMax);
  at = std::copy(reason.begin(), reason.end(), at);
  append_frame(out, role, Opcode::kClose,
               {payload.data(), static_cast<std::size_t>(at - payload.data())}, key);
}

}  // namespace sluice::ws
