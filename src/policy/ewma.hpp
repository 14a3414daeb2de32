// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "base/clock.hpp"

namespace sluice::policy {

/// exp(-dt/tau): what is left after `dt` of something that is forgotten with time constant `tau`. A
/// clock that went backwards forgets nothing.
[[nodiscard]] inline double kept_after(Duration dt, Duration tau) noexcept {
  if (dt <= Duration::zero()) return 1.0;
  return std::exp(-seconds(dt) / seconds(tau));
}

/// Mean of irregular samples, weighted by the time between them with time constant tau: the first
/// sample is taken as it is, a later one weighs 1 - exp(-dt/tau) and never less than 1 %. A value;
/// one writer.
class TimeEwma {
 public:
  explicit TimeEwma(Duration tau) noexcept : tau_(tau) {}

  void add(double sample, TimePoint now) noexcept {
    if (!known_) {
      mean_ = sample;
      known_ = true;
    } else {
      // Samples of one instant would otherwise count for nothing at all.
      const double kept = std::fmin(kept_after(now - last_, tau_), kKeptMost);
      mean_ = mean_ * kept + sample * (1.0 - kept);
    }
    if (now > last_) last_ = now;
  }

  [[nodiscard]] bool known() const noexcept { return known_; }
  /// 0 while nothing is known.
  [[nodiscard]] double mean() const noexcept { return mean_; }

 private:
  static constexpr double kKeptMost = 0.99;

  Duration tau_;
  TimePoint last_{};
  double mean_ = 0.0;
  bool known_ = false;
};

/// A count whose past fades with time constant tau: about "how many in the last tau". A value; one
/// writer.
class FadingCount {
 public:
  explicit FadingCount(Duration tau) noexcept : tau_(tau) {}

  void add(double amount, TimePoint now) noexcept {
    count_ = at(now) + amount;
    if (now > last_) last_ = now;
  }

  [[nodiscard]] double at(TimePoint now) const noexcept {
    return count_ * kept_after(now - last_, tau_);
  }

 private:
  Duration tau_;
  TimePoint last_{};
  double count_ = 0.0;
};

}  // namespace sluice::policy
