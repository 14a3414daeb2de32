// SPDX-License-Identifier: Apache-2.0
#include "policy/score.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

/// How much slower than its peers an upstream may be before it counts against it.
constexpr double kLatencyDeadBand = 2.0;

}  // namespace

double surely_failing(double successes, double failures) noexcept {
  constexpr double kZ2 = 1.0;
  const double n = successes + failures;
  if (failures <= 0.0) return 0.0;
  const double p = failures / n;
  const double spread = std::sqrt(kZ2 * (p * (1.0 - p) / n + kZ2 / (4.0 * n * n)));
  return std::clamp((p + kZ2 / (2.0 * n) - spread) / (1.0 + kZ2 / n), 0.0, 1.0);
}

double latency_part(double own_s, double peer_median_s) noexcept {
  if (!(own_s > 0.0) || !(peer_median_s > 0.0)) return 1.0;
  return std::min(1.0, kLatencyDeadBand * peer_median_s / own_s);
}

double freshness_part(std::uint64_t lag, std::uint64_t prefer, std::uint64_t out) noexcept {
  if (lag <= prefer) return 1.0;
  const auto beyond = static_cast<double>(lag - prefer);
  return std::exp2(-beyond / static_cast<double>(std::max<std::uint64_t>(out, 1)));
}

}  // namespace sluice::policy
