// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "policy/ewma.hpp"

namespace sluice::policy {

/// Each part and the whole are within 0..1; 1 is best. The whole is the product, so it never rises
/// when a part falls.
struct ScoreParts {
  double errors = 1.0;
  double latency = 1.0;
  double freshness = 1.0;
  double throttle = 1.0;  ///< share of calls that its rate limit let pass

  [[nodiscard]] double total() const noexcept { return errors * latency * freshness * throttle; }
};

/// Lower bound of Wilson's interval (one standard deviation; Wilson 1927) for the share of
/// failures. The lower one: without evidence it is 0, so an upstream that is used little does not
/// rank below a busy one, and one failure in one call weighs less than fifty in fifty. Rises with
/// `failures`, falls with `successes`; counts may be fractions.
[[nodiscard]] double surely_failing(double successes, double failures) noexcept;

/// 1 while `own_s` is at most twice the median of its peers, then falls as 1/own; 1 where either is
/// unknown (0).
[[nodiscard]] double latency_part(double own_s, double peer_median_s) noexcept;

/// 1 up to `prefer` blocks behind, then halves with every `out` blocks more.
[[nodiscard]] double freshness_part(std::uint64_t lag, std::uint64_t prefer,
                                    std::uint64_t out) noexcept;

/// What one upstream's score is made of, faded over the last seconds. Part of UpstreamHealth.
class ScoreInputs {
 public:
  void attempts(double successes, double failures, TimePoint now) noexcept {
    successes_.add(successes, now);
    failures_.add(failures, now);
  }
  void throttled(double calls, TimePoint now) noexcept { throttled_.add(calls, now); }
  void latency(Duration sample, TimePoint now) noexcept { latency_.add(seconds(sample), now); }

  [[nodiscard]] double error_part(TimePoint now) const noexcept {
    return 1.0 - surely_failing(successes_.at(now), failures_.at(now));
  }
  /// 1 minus the lower bound of the share of 429s, as for failures.
  [[nodiscard]] double throttle_part(TimePoint now) const noexcept {
    return 1.0 - surely_failing(successes_.at(now) + failures_.at(now), throttled_.at(now));
  }
  /// 0 while unknown.
  [[nodiscard]] double latency_s() const noexcept { return latency_.mean(); }

 private:
  static constexpr Duration kMemory = std::chrono::seconds(10);

  FadingCount successes_{kMemory};
  FadingCount failures_{kMemory};
  FadingCount throttled_{kMemory};
  TimeEwma latency_{kMemory};
};

}  // namespace sluice::policy
