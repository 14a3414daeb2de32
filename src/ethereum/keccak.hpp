// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::ethereum {

using Hash = std::array<std::uint8_t, 32>;

/// Keccak-256 as Ethereum uses it: the sponge of the original submission, padded with 0x01, where
/// the later SHA3-256 of FIPS 202 pads with 0x06 (and OpenSSL offers only that before 3.2). A
/// value, fed piece by piece; no allocation.
class Keccak256 {
 public:
  void update(std::span<const std::uint8_t> bytes) noexcept;
  /// The digest of all that was fed; the object is spent afterwards.
  [[nodiscard]] Hash finish() noexcept;

 private:
  void absorb_byte(std::uint8_t byte) noexcept;

  std::array<std::uint64_t, 25> state_{};
  std::size_t position_ = 0;
};

[[nodiscard]] Hash keccak256(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace sluice::ethereum
