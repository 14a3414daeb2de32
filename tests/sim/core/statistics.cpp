// SPDX-License-Identifier: Apache-2.0
#include "sim/core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "base/random.hpp"

namespace sluice::sim {

namespace {

constexpr int kResamples = 2000;

Estimate bootstrap(std::span<const double> values, std::uint64_t seed) {
  Estimate out{.value = mean(values), .low = mean(values), .high = mean(values)};
  if (values.size() < 2) return out;
  Random random(seed);
  std::vector<double> means;
  for (int i = 0; i < kResamples; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < values.size(); ++k) sum += values[random.below(values.size())];
    means.push_back(sum / static_cast<double>(values.size()));
  }
  out.low = quantile(means, 0.025);
  out.high = quantile(means, 0.975);
  return out;
}

}  // namespace

double quantile(std::vector<double>& samples, double q) {
  if (samples.empty()) return 0;
  const double rank = std::ceil(q * static_cast<double>(samples.size()));
  const auto index =
      std::min(samples.size() - 1, static_cast<std::size_t>(std::max(rank, 1.0)) - 1);
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

double mean(std::span<const double> values) noexcept {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  return quantile(values, 0.5);
}

Estimate mean_over_seeds(std::span<const double> by_seed, std::uint64_t seed) {
  return bootstrap(by_seed, seed);
}

Estimate ratio_over_seeds(std::span<const double> a, std::span<const double> b,
                          std::uint64_t seed) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i] > 0 && b[i] > 0) logs.push_back(std::log(a[i] / b[i]));
  }
  if (logs.empty()) return {};
  const Estimate inner = bootstrap(logs, seed);
  return {std::exp(inner.value), std::exp(inner.low), std::exp(inner.high)};
}

}  // namespace sluice::sim
