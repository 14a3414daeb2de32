// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::policy {

/// Upstreams of one chain as bits of a word; the bit is the upstream's index in its chain.
using UpstreamSet = std::uint64_t;

inline constexpr std::size_t kUpstreamsMax = 64;

[[nodiscard]] constexpr UpstreamSet bit_of(std::size_t index) noexcept {
  return index < kUpstreamsMax ? UpstreamSet{1} << index : UpstreamSet{0};
}

}  // namespace sluice::policy
