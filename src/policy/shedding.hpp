// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "policy/priority.hpp"

namespace sluice::policy {

/// Which share of each class is refused at the door while a queue stands and more comes in than is
/// served, for two periods in a row: a burst is not shed, and neither are clients who keep many
/// calls in flight but send the next only when one is answered. Every 100 ms: what came
/// in beyond what was served and a little more, as a share of what came in, is taken from the
/// lowest class first (the inverse of the distribution of priorities among what came in lately).
/// The little more keeps the queue from running dry, or those would be served who have waited
/// longest. No controller to tune: once demand is met nothing is refused. The share is spread
/// evenly over a class's calls, without chance. A value, part of a queue.
class LoadShedding {
 public:
  static constexpr Duration kPeriod = std::chrono::milliseconds(100);
  /// Fewer calls in a period say nothing of a share.
  static constexpr std::uint32_t kCallsMin = 10;

  /// One came in. Whether it is refused; one that is `light` (its client has less waiting than
  /// others) goes in, and another one pays for it.
  [[nodiscard]] bool refuses(Priority priority, bool light) noexcept;
  /// One was given capacity, or would have been, had that not been withdrawn.
  void served() noexcept { ++served_; }
  /// Before anything else that happens at `now`. `standing`: some class's queue stands.
  void settle(TimePoint now, bool standing) noexcept {
    if (now >= period_ends_) end_period(now, standing);
  }

  /// More comes in than is served, and has for a while.
  [[nodiscard]] bool overloaded() const noexcept { return over_ >= kPeriodsMin; }
  /// Of the calls of this class that come in.
  [[nodiscard]] double share(Priority priority) const noexcept {
    return shares_[static_cast<std::size_t>(priority)];
  }

 private:
  static constexpr std::uint32_t kPeriodsMin = 2;
  /// So much more than is served is an overload.
  static constexpr double kMore = 1.1;
  /// Let in beyond what is served.
  static constexpr double kSpare = 1.05;
  /// How many refusals light calls may put off.
  static constexpr double kOwedMax = 32.0;

  void end_period(TimePoint now, bool standing) noexcept;

  std::array<std::uint32_t, kPriorities> came_{};
  std::array<double, kPriorities> shares_{};
  std::array<double, kPriorities> owed_{};
  std::uint32_t served_ = 0;
  /// Periods in a row in which more came in than was served.
  std::uint32_t over_ = 0;
  TimePoint period_ends_{};
};

}  // namespace sluice::policy
