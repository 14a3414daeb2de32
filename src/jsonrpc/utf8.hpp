// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sluice::jsonrpc {

/// What must follow the first byte of a multi-byte sequence: `rest` bytes, the first of them in
/// [low, high], the others in [0x80, 0xbf] (Unicode, table 3-7: no overlong forms, no surrogates,
/// nothing above U+10FFFF). `rest` is 0 for a byte that starts no such sequence.
struct Utf8Lead {
  std::uint8_t rest = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
};

[[nodiscard]] constexpr Utf8Lead utf8_lead(unsigned char byte) noexcept {
  if (byte < 0xc2 || byte > 0xf4) return {};
  if (byte < 0xe0) return {1, 0x80, 0xbf};
  if (byte == 0xe0) return {2, 0xa0, 0xbf};
  if (byte == 0xed) return {2, 0x80, 0x9f};
  if (byte < 0xf0) return {2, 0x80, 0xbf};
  if (byte == 0xf0) return {3, 0x90, 0xbf};
  if (byte == 0xf4) return {3, 0x80, 0x8f};
  return {3, 0x80, 0xbf};
}

/// Past the multi-byte sequence at p, or null when it is malformed or cut by `end`. Precondition: p
/// != end.
[[nodiscard]] constexpr const char* utf8_sequence(const char* p, const char* end) noexcept {
  const Utf8Lead lead = utf8_lead(static_cast<unsigned char>(*p));
  if (lead.rest == 0 || end - p <= lead.rest) return nullptr;
  const auto second = static_cast<unsigned char>(p[1]);
  if (second < lead.low || second > lead.high) return nullptr;
  for (int i = 2; i <= lead.rest; ++i) {
    if ((static_cast<unsigned char>(p[i]) & 0xc0U) != 0x80U) return nullptr;
  }
  return p + lead.rest + 1;
}

}  // namespace sluice::jsonrpc
