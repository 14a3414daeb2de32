// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sluice::policy {

/// Tells a queue that stands from one that takes up a burst (CoDel, RFC 8289): one whose oldest
/// entry has waited longer than `target` all through an `interval` stands, and then one entry is to
/// be dropped, and the next ones at intervals that shrink with the square root of their number. A
/// value; the owner asks whenever it takes something out.
class CoDel {
 public:
  static constexpr Duration kTarget = std::chrono::milliseconds(5);
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  /// `oldest`: how long the oldest entry has waited; nothing when there is none. True when it is to
  /// be dropped now.
  [[nodiscard]] bool drops(std::optional<Duration> oldest, TimePoint now) noexcept {
    if (!oldest || *oldest < kTarget) {
      since_.reset();
      dropping_ = false;
      return false;
    }
    if (!since_) since_ = now;
    if (!standing(now)) return false;
    if (!dropping_) {
      dropping_ = true;
      // It has stood a moment ago: go on about where that ended.
      const bool again = count_ > 2 && now - next_ < kAgain;
      count_ = again ? count_ - 2 : 1;
      next_ = now + step();
      return true;
    }
    if (now < next_) return false;
    ++count_;
    next_ += step();
    return true;
  }

  [[nodiscard]] bool standing(TimePoint now) const noexcept {
    return since_ && now - *since_ >= kInterval;
  }

 private:
  static constexpr Duration kAgain = 16 * kInterval;

  [[nodiscard]] Duration step() const noexcept {
    return Duration(static_cast<Duration::rep>(static_cast<double>(kInterval.count()) /
                                               std::sqrt(static_cast<double>(count_))));
  }

  std::optional<TimePoint> since_;
  TimePoint next_{};
  std::uint32_t count_ = 0;
  bool dropping_ = false;
};

}  // namespace sluice::policy
