// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::sim::health {

struct QuietScene {
  double rate = 100;      ///< calls a second over all upstreams
  double failing = 0.01;  ///< share of calls and probes that fail at every upstream
  std::size_t upstreams = 3;
  Duration time{0};
};

struct QuietOutcome {
  double ejections = 0;
  double upstream_weeks = 0;
};

/// Long stretches of healthy traffic, by the monitor's tick rather than by call: how often is an
/// upstream taken out without a cause?
[[nodiscard]] QuietOutcome run_quiet(const QuietScene& scene, std::uint64_t seed);

}  // namespace sluice::sim::health
