// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "policy/forecast/layer.hpp"

namespace sluice::policy {

/// What one upstream's load will be: how many connections (or calls a second, or whatever is handed
/// in) will be wanted some seconds to an hour from now. Two layers: half-second slots with the
/// twelve seconds of a block as season answer up to 30 s ahead; five-minute slots with the day as
/// season answer up to an hour ahead, with the block's phase on top.
/// An answer is an upper figure (the 0.95 quantile) meant to be combined with the reactive plan by
/// max: it only ever adds. No answer while there is too little history (two seasons) or while the
/// forecast is not clearly better than no forecast; then the reactive plan stands alone.
/// Owned by the control thread, one per series, one thread. At most 8 KiB, no allocation after
/// construction. The phase is that of the monotonic clock, so it is learned anew after a restart.
class LoadForecast {
 public:
  /// Below or at this skill nothing is answered.
  static constexpr double kLeastSkill = 0.1;

  LoadForecast();

  /// The demand now, not negative (NaN and below 0 count as 0). At any pace, but at least every
  /// 0.5 s; of several in one slot the greatest counts, since what is provided must do for that; a
  /// value is taken to last until the next call. After a pause of over a minute the pause is
  /// skipped; a clock that went back is ignored.
  void tick(double demand, TimePoint now) noexcept;
  /// What will be wanted `horizon` after the last tick, or nothing (see above). Up to one hour.
  [[nodiscard]] std::optional<double> ahead(Duration horizon) const noexcept;
  /// The most that will be wanted at any moment from now until `horizon` from now, as far as either
  /// layer has an answer: what must be ordered by now if it takes that long to come.
  [[nodiscard]] std::optional<double> within(Duration horizon) const noexcept;
  /// Share of the loss of the best plain rule (last value, smoothed values) that the forecast
  /// saves at this horizon; 0 while warming up, negative when it is worse.
  [[nodiscard]] double skill(Duration horizon) const noexcept;
  /// At the shortest useful horizon of three seconds, for a metric.
  [[nodiscard]] double skill() const noexcept { return skill(std::chrono::seconds(3)); }
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  /// Which layer answers and how many of its steps away the moment lies.
  struct Place {
    bool block = true;
    std::uint32_t steps = 0;
  };
  [[nodiscard]] Place place(Duration horizon) const noexcept;
  /// `season`: the block's part, which the day's layer does not know.
  [[nodiscard]] std::optional<double> answer(Place where, double season) const noexcept;
  void close_slot(double demand) noexcept;
  void close_bucket() noexcept;
  void restart(std::int64_t slot) noexcept;

  ForecastLayer block_;
  ForecastLayer day_;
  TimePoint now_{};
  std::int64_t slot_ = 0;    ///< the open half-second, counted from the clock's zero
  std::int64_t bucket_ = 0;  ///< the open five minutes
  double demand_ = 0.0;      ///< the last one heard
  double most_ = 0.0;        ///< of the open slot
  bool heard_ = false;       ///< anything in the open slot
  double root_sum_ = 0.0;    ///< of the open bucket, roots without the block's part
  double root_square_ = 0.0;
  std::uint32_t roots_ = 0;
  double spread_ = 0.0;  ///< variance of roots within a bucket
  bool started_ = false;
};

}  // namespace sluice::policy
