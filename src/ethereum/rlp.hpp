// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sluice::ethereum {

/// The head of one RLP item (Ethereum yellow paper, appendix B): whether it is a list, and where
/// its payload lies.
struct RlpHeader {
  bool list = false;
  /// Bytes before the payload; 0 for a single byte below 0x80, which is its own payload.
  std::size_t header = 0;
  std::size_t payload = 0;

  [[nodiscard]] std::size_t total() const noexcept { return header + payload; }
};

/// Reads the head at the front of `bytes`, of which 9 are enough; the payload itself need not be
/// there. nullopt when the head is cut off, not in its shortest form, or names a length that does
/// not fit memory.
[[nodiscard]] std::optional<RlpHeader> read_rlp_header(
    std::span<const std::uint8_t> bytes) noexcept;

}  // namespace sluice::ethereum
