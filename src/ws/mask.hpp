// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::ws {

/// The four bytes of a masking key in the order in which they stand on the wire (RFC 6455, 5.3).
using MaskKey = std::array<char, 4>;

/// The wire form of a key that was drawn as a number: most significant byte first.
[[nodiscard]] constexpr MaskKey mask_key(std::uint32_t key) noexcept {
  return {static_cast<char>(key >> 24), static_cast<char>(key >> 16), static_cast<char>(key >> 8),
          static_cast<char>(key)};
}

/// Masks or unmasks `size` bytes in place. `offset` is the position of data[0] within the frame's
/// payload, so that a payload may be treated in pieces as it arrives. Eight bytes at a time: the
/// loads go through memcpy, hence any alignment is fine and the result does not depend on the byte
/// order of the machine.
inline void apply_mask(char* data, std::size_t size, const MaskKey& key,
                       std::uint64_t offset) noexcept {
  std::array<char, 8> pattern;
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = key[(offset + i) & 3];
  std::uint64_t mask = 0;
  std::memcpy(&mask, pattern.data(), sizeof mask);
  std::size_t i = 0;
  for (; i + sizeof mask <= size; i += sizeof mask) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + i, sizeof word);
    word ^= mask;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (std::size_t rest = 0; i < size; ++i, ++rest) {
    data[i] = static_cast<char>(data[i] ^ pattern[rest]);
  }
}

}  // namespace sluice::ws
