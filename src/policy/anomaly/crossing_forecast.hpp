// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sluice::policy {

struct CrossingOptions {
  bool rising = true;  ///< the limit is a ceiling (pool, latency objective), else a floor (credit)
  double probability = 0.8;  ///< of crossing within ten minutes, from which an alert is raised
};

struct Crossing {
  double probability = 0.0;
  Duration in{0};      ///< when the expected line meets the limit
  double slope = 0.0;  ///< per second
};

/// Says that a series will reach a limit within ten minutes: a straight line through the last
/// minutes (older ticks fade), extended with a damped slope, and judged by the errors that such
/// lines made ten minutes ahead so far. One alert per approach.
/// Owned by the control thread, one thread, no allocation, about 600 bytes; a tick is ten seconds.
class CrossingForecast {
 public:
  explicit CrossingForecast(const CrossingOptions& options) noexcept;

  /// The value and the limit now, in one unit; once per tick. Empty unless a new alert is due;
  /// never for a limit that is already reached.
  std::optional<Crossing> tick(double value, double limit, TimePoint now) noexcept;
  /// Of crossing within ten minutes, 0..1; 0 before there is enough history.
  [[nodiscard]] double probability() const noexcept { return probability_; }

 private:
  static constexpr std::size_t kAhead = 60;  ///< ticks

  void fit(double value) noexcept;
  void score(double value) noexcept;
  void restart() noexcept;
  [[nodiscard]] double deviation() const noexcept;
  [[nodiscard]] Duration reached_in(double limit) const noexcept;

  CrossingOptions options_;
  // Sums over the past with fading weights, times counted back from the last tick.
  double s0_ = 0.0;
  double s1_ = 0.0;
  double s2_ = 0.0;
  double t0_ = 0.0;
  double t1_ = 0.0;
  double level_ = 0.0;
  double slope_ = 0.0;  ///< per tick
  double noise_ = 0.0;  ///< mean square distance from the line
  double error_ = 0.0;  ///< mean absolute error ten minutes ahead
  double probability_ = 0.0;
  std::array<float, kAhead> pending_{};
  std::uint64_t seen_ = 0;
  std::uint64_t scored_ = 0;
  TimePoint last_{};
  std::uint8_t sure_ = 0;  ///< ticks in a row
  bool told_ = false;
};

}  // namespace sluice::policy
