// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::proxy {

/// A rate limit that all workers share: the token bucket as one word (GCRA, ITU-T I.371), the time
/// at which it is full again, moved by compare-and-swap. Allows bursts of one second's worth, at
/// least one call. A rate of 0 is no limit.
class RateGate {
 public:
  explicit RateGate(double per_second) noexcept
      : token_ns_(per_second > 0 ? 1e9 / per_second : 0),
        burst_ns_(static_cast<std::int64_t>(std::max(1e9, token_ns_))) {}

  /// Zero when `calls` may pass (and are counted), else how long to wait until they might.
  [[nodiscard]] Duration take(TimePoint now, double calls = 1) noexcept {
    if (token_ns_ <= 0) return Duration::zero();
    const std::int64_t time = now.time_since_epoch().count();
    const auto cost = std::min(static_cast<std::int64_t>(token_ns_ * calls), burst_ns_);
    std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      const std::int64_t next = std::max(full_at, time) + cost;
      if (next - time > burst_ns_) return Duration(next - time - burst_ns_);
      if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed))
        return Duration::zero();
    }
  }

  /// Counts calls that are made in any case. What is over the limit is not owed for longer than a
  /// burst takes.
  void charge(TimePoint now, double calls) noexcept {
    if (token_ns_ <= 0) return;
    const std::int64_t time = now.time_since_epoch().count();
    const auto cost = static_cast<std::int64_t>(token_ns_ * calls);
    std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
    while (!full_at_.compare_exchange_weak(
        full_at, std::min(std::max(full_at, time) + cost, time + burst_ns_),
        std::memory_order_relaxed)) {
    }
  }

  /// Whether a call would pass now, without counting one.
  [[nodiscard]] bool open(TimePoint now) const noexcept {
    return token_ns_ <= 0 ||
           std::max(full_at_.load(std::memory_order_relaxed), now.time_since_epoch().count()) +
                   static_cast<std::int64_t>(token_ns_) - now.time_since_epoch().count() <=
               burst_ns_;
  }

 private:
  double token_ns_;
  std::int64_t burst_ns_;
  std::atomic<std::int64_t> full_at_{0};
};

}  // namespace sluice::proxy
