// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sluice::policy {

inline constexpr std::size_t kLimitClasses = 16;

/// What one upstream did since the last report. The data path only adds to the sums.
struct LimitSample {
  struct Class {
    std::uint64_t count = 0;
    double latency_s = 0.0;  ///< summed
  };
  Duration length{0};
  /// By method class: calls that were answered well.
  std::array<Class, kLimitClasses> classes{};
  std::uint32_t in_flight_max = 0;
  /// The limit is kept to. Otherwise what the node does says nothing of what it would do under it.
  bool enforced = true;
};

/// How many calls an upstream may have in flight: as many as it works on at once and a few more.
/// Response times are measured against the mean of their own method class, learned while the
/// upstream was not busy, so that a burst of heavy calls does not look like congestion. A window
/// gives
///
///   inflation = sum of response times / sum of what the classes take when nothing queues
///   busy      = the latter / length of the window, the calls that were really worked on (Little)
///
/// and the limit moves by a fifth of the way to `busy` plus headroom, by half of it while it holds
/// calls back and the inflation is beyond the tolerance: the gradient form (limit / inflation +
/// headroom) of Netflix's Gradient2, with sums in place of a mean of ratios, which a few light
/// calls behind a heavy one would rule. It moves while the limit holds calls back or the inflation
/// is beyond the tolerance; without inflation it grows by its square root, as it does where never
/// more than half of it is used.
///
/// Baselines stand still while it limits, or they would learn congestion as the normal. Should the
/// node really have become slower, throughput falls with the limit, which it does not where calls
/// merely queue: a regression of one on the other over the last windows shows it. Then, and when
/// calls take less than is known to be possible, it works on as many at once as before the change:
/// the limit returns there, and the baselines follow from what the next windows take. They drift
/// down when throughput does not rise with a limit that was thought too low.
///
/// One per upstream, on the control thread, which reports every tick and publishes limit(). Takes
/// no part in who may send: that is the caller's comparison.
class ConcurrencyLimit {
 public:
  struct Options {
    double tolerance = 1.5;
    double smoothing = 0.2;
    /// In square roots of the busy calls.
    double headroom = 0.5;
    std::uint32_t min = 4;
    std::uint32_t max = 64;
    Duration window = std::chrono::milliseconds(250);
    std::uint64_t samples_min = 20;
  };

  explicit ConcurrencyLimit(const Options& options) noexcept
      : options_(options), limit_(static_cast<double>(options.max)) {}

  /// What happened since the last report. True when that ended a window.
  bool add(const LimitSample& sample) noexcept;

  [[nodiscard]] std::uint32_t limit() const noexcept;
  /// The last window ran into the limit, or beyond the tolerance.
  [[nodiscard]] bool limiting() const noexcept { return limiting_; }
  /// Of the last windows; 1 is as fast as when nothing queues.
  [[nodiscard]] double inflation() const noexcept { return inflation_; }
  /// Seconds; 0 while unknown.
  [[nodiscard]] double baseline(std::size_t klass) const noexcept {
    return baselines_[klass].mean_s;
  }
  /// New bounds after a reload. A limit that stood at the old maximum stands at the new one.
  void set_bounds(std::uint32_t min, std::uint32_t max) noexcept;

 private:
  struct Baseline {
    double mean_s = 0.0;
    double seen = 0.0;
  };
  /// Of ln(busy) on ln(limit), with weights that fade by the window.
  struct Regression {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    void add(double ln_limit, double ln_busy) noexcept;
    /// All that was busy is now counted as exp(`ln`) times as much.
    void shift_busy(double ln) noexcept;
    /// Nothing can be told while the limit has not moved.
    [[nodiscard]] std::optional<double> slope() const noexcept;
  };

  /// Calls that are worked on at once while the limit holds others back.
  struct Places {
    double mean = 0.0;
    std::uint32_t windows = 0;
    void add(double busy) noexcept;
  };

  void end_window() noexcept;
  void learn() noexcept;
  void return_to_max() noexcept;
  void meet_new_classes(double inflation) noexcept;
  void move(double busy, bool held) noexcept;
  void watch(double busy) noexcept;
  void doubt_baselines() noexcept;
  void begin_anew(double places) noexcept;
  double learn_anew(double in_flight, double inflation) noexcept;
  void scale_baselines(double factor) noexcept;

  Options options_;
  LimitSample window_;
  std::array<Baseline, kLimitClasses> baselines_{};
  Regression follows_;
  double limit_;
  double inflation_ = 1.0;
  std::optional<double> share_lately_;  ///< mean of ln(busy / limit) over the last windows
  Places places_;
  double places_before_ = 0.0;  ///< those of before the last sudden change; 0: none of late
  std::uint32_t anew_ = 0;      ///< windows left in which baselines follow from `places_`
  bool limiting_ = false;
  /// Windows in a row that were faster than is known to be possible.
  std::uint32_t faster_ = 0;
  std::uint32_t pinned_ = 0;  ///< windows in a row at the least limit
  std::uint32_t raised_ = 0;  ///< windows left
  bool growing_ = false;
};

}  // namespace sluice::policy
