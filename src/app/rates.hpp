// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>

#include "base/clock.hpp"
#include "metrics/registry.hpp"

namespace sluice::app {

/// What an upstream did over the last seconds, for people who look: from the counters that are
/// there anyway. Control thread.
struct Rate {
  double attempts_per_s = 0;
  double failures_per_s = 0;
  double p50_s = 0;  ///< of attempts; 0 when there were none
  double p99_s = 0;
};

class Rates {
 public:
  /// Over how long rates are taken.
  static constexpr std::size_t kTicks = 10;

  /// Once a second, for each upstream.
  void take(metrics::UpstreamSlot slot, const metrics::Registry::UpstreamTotals& totals,
            TimePoint now);
  /// Lets go of upstreams that nobody has taken since.
  void forget_before(TimePoint last);
  [[nodiscard]] Rate of(metrics::UpstreamSlot slot) const;

 private:
  struct Sample {
    TimePoint at{};
    std::uint64_t attempts = 0;
    std::uint64_t failures = 0;
    std::array<std::uint64_t, metrics::kBuckets> durations{};
  };
  std::map<std::uint32_t, std::deque<Sample>> samples_;
};

}  // namespace sluice::app
