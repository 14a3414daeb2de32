// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace sluice::sim::pool {

/// One call: when it comes, how long it keeps its connection, and on which worker.
struct Arrival {
  std::int64_t at_ns = 0;
  std::int64_t busy_ns = 0;
  std::uint32_t worker = 0;
};

/// A load to be carried, as the mean number of calls under way at each time.
struct Load {
  std::string name;
  double length_s = 0;
  /// Where the step is, for figures of what follows it; 0 without one.
  double step_s = 0;
  double step_end_s = 0;
  double most = 0;
  std::function<double(double)> at;
};

/// `scale`: of all times, so that a short form is shorter.
[[nodiscard]] std::vector<Load> loads(double scale);

/// Poisson arrivals under the load, each keeping its connection for a round trip and a lognormal
/// service time of the given mean. The same for every policy.
[[nodiscard]] std::vector<Arrival> make_trace(std::uint64_t seed, const Load& load, Duration rtt,
                                              double service_s, std::uint32_t workers);

/// What came of a run.
struct Outcome {
  double calls = 0;
  /// Calls that found no idle connection when they came.
  double waited = 0;
  double wait_s = 0;
  double connection_s = 0;
  double handshakes = 0;
  double most_open = 0;
  /// Most connections above the cap, a second and more after that fell.
  double above_cap = 0;
  /// Of calls that came a tenth of a second and more after the step.
  double p99_after_step_s = 0;
};

/// The least that any policy could do that knows the future: no call waits; a connection is dialled
/// just in time, kept through every pause of less than `worth` and closed at the beginning of a
/// longer one. Worker by worker, since a call can only use its own worker's connections.
[[nodiscard]] Outcome clairvoyant(const std::vector<Arrival>& trace, const Load& load,
                                  Duration handshake, Duration worth, std::uint32_t workers);

}  // namespace sluice::sim::pool
