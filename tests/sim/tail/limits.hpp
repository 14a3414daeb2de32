// SPDX-License-Identifier: Apache-2.0
// Concurrency limits of others, re-implemented with their defaults, to be measured against.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "sim/core/draw.hpp"

namespace sluice::sim {

/// Netflix's VegasLimit: the queue is estimated from the least response time seen, which is
/// measured anew about every 30 * limit samples.
class Vegas {
 public:
  explicit Vegas(std::uint64_t seed) : random_(seed) {}

  void on_sample(double rtt_s, std::uint32_t in_flight, bool dropped) {
    if (jitter_ * 30.0 * limit_ <= ++probes_) {
      jitter_ = 0.5 + random_.uniform() / 2;
      probes_ = 0;
      no_load_s_ = rtt_s;
      return;
    }
    if (no_load_s_ <= 0 || rtt_s < no_load_s_) {
      no_load_s_ = rtt_s;
      return;
    }
    const double step = std::max(1.0, std::log10(limit_));
    double next = limit_;
    if (dropped) {
      next = limit_ - step;
    } else if (in_flight * 2.0 < limit_) {
      return;
    } else {
      const double queue = std::ceil(limit_ * (1 - no_load_s_ / rtt_s));
      if (queue <= step) {
        next = limit_ + 6 * step;
      } else if (queue < 3 * step) {
        next = limit_ + step;
      } else if (queue > 6 * step) {
        next = limit_ - step;
      }
    }
    limit_ = std::clamp(next, 1.0, 1000.0);
  }
  [[nodiscard]] std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_); }

 private:
  Random random_;
  double limit_ = 20;
  double no_load_s_ = 0;
  double jitter_ = 1;
  double probes_ = 0;
};

/// Netflix's Gradient2Limit behind its WindowedLimit: windows of a second and ten samples.
class Gradient2 {
 public:
  void on_sample(double rtt_s, std::uint32_t in_flight, TimePoint now) {
    if (window_began_ == TimePoint{}) window_began_ = now;
    sum_s_ += rtt_s;
    in_flight_ = std::max(in_flight_, in_flight);
    if (++samples_ < 10 || now - window_began_ < std::chrono::seconds(1)) return;
    update(sum_s_ / samples_, in_flight_);
    window_began_ = now;
    sum_s_ = samples_ = 0;
    in_flight_ = 0;
  }
  [[nodiscard]] std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_); }

 private:
  void update(double short_s, double in_flight) {
    // The long average: plain at first, exponential over 600 windows after that.
    const double weight = ++windows_ < 10 ? 1.0 / windows_ : 2.0 / 601.0;
    long_s_ += weight * (short_s - long_s_);
    if (long_s_ / short_s > 2) long_s_ *= 0.95;
    if (in_flight < limit_ / 2) return;
    const double gradient = std::clamp(1.5 * long_s_ / short_s, 0.5, 1.0);
    const double next = limit_ * gradient + 4;
    limit_ = std::clamp(limit_ * 0.8 + next * 0.2, 20.0, 200.0);
  }

  double limit_ = 20;
  double long_s_ = 0;
  double sum_s_ = 0;
  double samples_ = 0;
  double windows_ = 0;
  std::uint32_t in_flight_ = 0;
  TimePoint window_began_{};
};

}  // namespace sluice::sim
