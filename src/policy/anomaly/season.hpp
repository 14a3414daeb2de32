// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

/// The shape that a series repeats: over the day in quarter hours, with straight lines between
/// them, and over the twelve seconds of a block in half seconds. Fed with residuals; part of one
/// SeriesDetector. Phases are those of the monotonic clock.
class SeriesSeason {
 public:
  /// What the season adds to the level at `now`.
  [[nodiscard]] double at(TimePoint now) const noexcept;
  /// Learns from a sample and from its residual (what is left after level and season), both without
  /// their outliers. The day's shape is taken from whole days at once: learned from residuals, the
  /// level would keep what it has followed. Returns by how much the day's part of at(now) changed,
  /// so that the owner can take it out of its level.
  double learn(double whole, double residual, TimePoint now) noexcept;
  /// The level jumped: the shape of this day is not the usual one and is not learned.
  void spoil() noexcept;
  /// Whole days learned from.
  [[nodiscard]] std::uint32_t days() const noexcept { return days_; }

 private:
  static constexpr std::uint32_t kQuarters = 96;
  static constexpr std::uint32_t kPhases = 24;

  void close_quarter() noexcept;
  void end_day() noexcept;
  [[nodiscard]] double day_at(TimePoint now) const noexcept;

  std::array<float, kQuarters> day_{};
  std::array<float, kQuarters> today_{};  ///< means of the samples
  std::array<float, kPhases> block_{};
  std::array<std::uint16_t, kPhases> visits_{};
  double lean_ = 0.0;  ///< recent mean residual
  double sum_ = 0.0;   ///< of the open quarter
  std::uint32_t count_ = 0;
  std::uint32_t quarter_ = 0;
  std::uint32_t quarters_ = 0;  ///< since the start or the last day's end
  std::uint32_t days_ = 0;
  bool started_ = false;
  bool spoilt_ = false;
};

}  // namespace sluice::policy
