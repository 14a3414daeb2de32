// SPDX-License-Identifier: Apache-2.0
#include "policy/binomial.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

/// ln(n!) by Stirling's series, exact to 1e-10 from 16 on and by product below. Not lgamma(), which
/// writes a global.
double log_factorial(std::uint32_t n) noexcept {
  if (n < 16) {
    double product = 1.0;
    for (std::uint32_t i = 2; i <= n; ++i) product *= i;
    return std::log(product);
  }
  const double x = n;
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  return (x + 0.5) * std::log(x) - x + kHalfLogTwoPi + 1.0 / (12.0 * x) -
         1.0 / (360.0 * x * x * x) + 1.0 / (1260.0 * x * x * x * x * x);
}

double at_exactly(std::uint32_t k, std::uint32_t n, double p) noexcept {
  return std::exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) + k * std::log(p) +
                  (n - k) * std::log1p(-p));
}

}  // namespace

double at_least(std::uint32_t k, std::uint32_t n, double p) noexcept {
  if (k == 0 || p >= 1.0) return k <= n ? 1.0 : 0.0;
  if (k > n || p <= 0.0) return 0.0;
  // The shorter tail is summed: from its largest term on they fall.
  if (k <= n * p) return 1.0 - at_most(k - 1, n, p);
  const double odds = p / (1.0 - p);
  double term = at_exactly(k, n, p);
  double sum = term;
  for (std::uint32_t i = k; i < n && term > sum * 1e-12; ++i) {
    term *= odds * (n - i) / (i + 1.0);
    sum += term;
  }
  return std::min(sum, 1.0);
}

double at_most(std::uint32_t k, std::uint32_t n, double p) noexcept {
  if (k >= n || p <= 0.0) return 1.0;
  if (p >= 1.0) return 0.0;
  if (k > n * p) return 1.0 - at_least(k + 1, n, p);
  const double odds = (1.0 - p) / p;
  double term = at_exactly(k, n, p);
  double sum = term;
  for (std::uint32_t i = k; i > 0 && term > sum * 1e-12; --i) {
    term *= odds * i / (n - i + 1.0);
    sum += term;
  }
  return std::min(sum, 1.0);
}

}  // namespace sluice::policy
