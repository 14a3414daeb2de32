// SPDX-License-Identifier: Apache-2.0
// Simulated time and seeds for the policy tests. A failing property prints its seed.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace sluice::policy::test {

using namespace std::chrono_literals;

/// A moment on simulated time; well after the clock's zero, so that "never" and "long ago" differ
/// from it.
inline TimePoint at(Duration since_start) {
  return TimePoint(1h) + since_start;
}

/// Near enough to normal, mean 0, deviation 1.
inline double noise(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum;
}

inline constexpr std::uint64_t kSeeds = 20;

}  // namespace sluice::policy::test
