// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sluice::policy {

/// P(X >= k) where X counts successes in `n` trials of probability `p`: how surprising `k` is when
/// `p` is true. 1 for k = 0, 0 for k > n. Exact to rounding; its cost grows with the deviation
/// sqrt(n), not with n.
[[nodiscard]] double at_least(std::uint32_t k, std::uint32_t n, double p) noexcept;

/// P(X <= k) of the same.
[[nodiscard]] double at_most(std::uint32_t k, std::uint32_t n, double p) noexcept;

}  // namespace sluice::policy
