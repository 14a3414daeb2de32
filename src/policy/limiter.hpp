// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

struct RateLimit {
  double per_second = 0.0;
  double burst = 1.0;  ///< how many at once after a rest; at least 1 is used
};

struct RateResult {
  bool allowed = false;
  /// When refused: how long until the same request would be allowed if nobody else takes;
  /// Duration::max() for never.
  Duration retry_after{0};
};

/// A token bucket in its one-word form (GCRA, ITU-T I.371): the state is the time at which the
/// bucket is full again. Exact in nanoseconds, no refill step, and one word is what a
/// compare-and-swap on shared state needs. A rest never saves up more than `burst`, a clock that
/// jumps forward gives no more than that, and one that jumps back costs at most the time that a
/// whole burst takes to refill. A rate of 0 or less never allows anything.
class TokenBucket {
 public:
  explicit TokenBucket(const RateLimit& limit) noexcept;

  /// Takes `cost` tokens or none. A cost above the burst is taken as the burst: it needs a full
  /// bucket.
  [[nodiscard]] RateResult take(TimePoint now, double cost = 1.0) noexcept;
  /// What take() would answer, without taking. Not const: it too notices a clock that went back.
  [[nodiscard]] RateResult peek(TimePoint now, double cost = 1.0) noexcept;
  /// A new limit, as after a reload. What is spent stays spent, for no longer than the new burst
  /// takes to refill.
  void set(const RateLimit& limit) noexcept;

 private:
  struct Step {
    RateResult result;
    std::int64_t full_at;
  };
  [[nodiscard]] Step step(std::int64_t now, double cost) const noexcept;

  double burst_ = 1.0;
  double token_ns_ = 0.0;       ///< nanoseconds a token takes; 0 for a rate that allows nothing
  std::int64_t refill_ns_ = 0;  ///< nanoseconds an empty bucket takes to fill
  std::int64_t full_at_;        ///< nanoseconds of the clock
};

}  // namespace sluice::policy
