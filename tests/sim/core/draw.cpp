// SPDX-License-Identifier: Apache-2.0
#include "sim/core/draw.hpp"

#include <cmath>
#include <numbers>

namespace sluice::sim {

namespace {

std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

Random derived(std::uint64_t seed, std::uint64_t a, std::uint64_t b) noexcept {
  return Random(mix(mix(mix(seed) ^ a) ^ b));
}

double open_uniform(Random& random) noexcept {
  return (static_cast<double>(random.next() >> 12) + 0.5) * 0x1p-52;
}

double exponential(Random& random) noexcept {
  return -std::log(open_uniform(random));
}

double normal(Random& random) noexcept {
  const double radius = std::sqrt(-2.0 * std::log(open_uniform(random)));
  return radius * std::cos(2.0 * std::numbers::pi * open_uniform(random));
}

double lognormal(Random& random, double sigma) noexcept {
  return std::exp(sigma * normal(random));
}

double pareto(Random& random, double alpha) noexcept {
  return std::pow(open_uniform(random), -1.0 / alpha);
}

Duration from_seconds(double seconds) noexcept {
  return Duration(static_cast<Duration::rep>(seconds * 1e9));
}

}  // namespace sluice::sim
