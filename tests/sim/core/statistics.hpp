// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::sim {

/// The value at share `q` of the sorted samples (nearest rank); 0 of none. Reorders them.
[[nodiscard]] double quantile(std::vector<double>& samples, double q);
[[nodiscard]] double mean(std::span<const double> values) noexcept;
[[nodiscard]] double median(std::vector<double> values);

/// A figure with the interval in which it lies with 95 % confidence.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// Mean over the seeds, by bootstrap of the seeds (2,000 resamples, drawn from `seed`).
[[nodiscard]] Estimate mean_over_seeds(std::span<const double> by_seed, std::uint64_t seed);

/// Geometric mean of a/b, seed by seed: both ran on common random numbers, so that what a seed's
/// luck did to both cancels. Pairs with a zero are left out.
[[nodiscard]] Estimate ratio_over_seeds(std::span<const double> a, std::span<const double> b,
                                        std::uint64_t seed);

}  // namespace sluice::sim
