// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/count_score.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

constexpr double kMost = 8.0;
// From here on the root of a count is normal enough (Anscombe 1948), and sums would be long.
constexpr double kMany = 40.0;

/// The z that a normal variable exceeds with probability q, 0 < q <= 0.5 (Abramowitz and Stegun
/// 26.2.23, error below 0.0005).
double exceeded_with(double q) noexcept {
  const double t = std::sqrt(-2.0 * std::log(std::max(q, 1e-300)));
  const double above = 2.515517 + t * (0.802853 + t * 0.010328);
  const double below = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return t - above / below;
}

}  // namespace

double count_score(double count, double expected) noexcept {
  const double k = std::max(0.0, std::round(count));
  if (expected > kMany) {
    const double z = 2.0 * (std::sqrt(k + 0.375) - std::sqrt(expected + 0.125));
    return std::clamp(z, -kMost, kMost);
  }
  // Far more than can be: the sum below would only underflow.
  if (k > 4.0 * kMany) return kMost;
  double at = std::exp(-expected);
  double less = 0.0;
  for (double j = 1.0; j <= k; j += 1.0) {
    less += at;
    at *= expected / j;
  }
  const double below = less + 0.5 * at;
  if (below <= 0.5) return std::max(-exceeded_with(below), -kMost);
  // Summed from here upwards: 1 - below would be all rounding error.
  double above = 0.5 * at;
  for (double j = k + 1.0; at > 1e-17 * above && j < k + 200.0; j += 1.0) {
    at *= expected / j;
    above += at;
  }
  return std::min(exceeded_with(std::min(above, 0.5)), kMost);
}

}  // namespace sluice::policy
