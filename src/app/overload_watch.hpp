// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sluice::app {

/// Makes one episode of many refusals by a chain's queue, so that an overload is two events and not
/// one per call. Pure; fed with a running count.
class OverloadWatch {
 public:
  struct Change {
    bool begun = false;  ///< else it is over
    std::uint64_t rejected = 0;
    Duration lasted{};
  };
  /// So long without a refusal ends an episode.
  static constexpr Duration kQuiet = std::chrono::seconds(5);

  [[nodiscard]] std::optional<Change> tick(std::uint64_t rejected_total, TimePoint now) {
    const std::uint64_t fresh = seen_ ? rejected_total - *seen_ : rejected_total;
    seen_ = rejected_total;
    if (fresh != 0) {
      last_ = now;
      rejected_ += fresh;
      if (began_) return std::nullopt;
      began_ = now;
      return Change{.begun = true, .rejected = rejected_};
    }
    if (!began_ || now - last_ < kQuiet) return std::nullopt;
    const Change over{.begun = false, .rejected = rejected_, .lasted = last_ - *began_};
    began_.reset();
    rejected_ = 0;
    return over;
  }

 private:
  std::optional<std::uint64_t> seen_;
  std::optional<TimePoint> began_;
  TimePoint last_{};
  std::uint64_t rejected_ = 0;
};

}  // namespace sluice::app
