// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sluice::policy {

/// How unusual a count is where `expected` was expected, in standard deviations of a normal
/// variable: the normal quantile of the count's place in the Poisson distribution (mid-p, so its
/// mean is 0 and its deviation at most 1 also where next to nothing is expected). Within -8..8.
/// `expected` above 0; a count may be a fraction and is rounded.
[[nodiscard]] double count_score(double count, double expected) noexcept;

}  // namespace sluice::policy
