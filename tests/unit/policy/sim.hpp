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

inline constexpr std::uint64_t kSeeds = 20;

}  // namespace sluice::policy::test
