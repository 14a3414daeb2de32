// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "policy/anomaly/estimators.hpp"
#include "policy/anomaly/season.hpp"

namespace sluice::policy {

/// What a series measures: decides how it is transformed so that its noise has one size.
enum class SeriesKind : std::uint8_t {
  latency,  ///< seconds: logarithm
  rate,     ///< calls per second: root
  ratio,    ///< failures per call, 0..1: the score of their count, without a season
  lag,      ///< blocks: as it is
};

enum class AlarmKind : std::uint8_t {
  spike,   ///< far outside, twice in three ticks, or once so far below that all has stopped
  shift,   ///< a new level, however small, that stays
  spread,  ///< the noise has grown
  tail,    ///< rarer than the configured risk, twice in three ticks
};
enum class AlarmDirection : std::int8_t { down = -1, up = 1 };

struct Alarm {
  AlarmKind kind = AlarmKind::spike;
  AlarmDirection direction = AlarmDirection::up;
  double z = 0.0;         ///< standard deviations from what was expected
  double value = 0.0;     ///< as handed in
  double expected = 0.0;  ///< in the same unit
  TimePoint at{};
};

struct DetectorOptions {
  SeriesKind kind = SeriesKind::latency;
  double spike = 5.0;        ///< standard deviations
  double slack = 0.5;        ///< of the level's cumulative sum
  double shift = 9.2;        ///< its alarm
  double slow_slack = 0.25;  ///< of a second sum, for small shifts
  double slow_shift = 17.0;
  double spread_slack = 0.35;
  double spread = 16.0;
  double tail_risk = 1e-4;                   ///< per tick
  std::uint32_t warm_up = 360;               ///< ticks before the first alarm
  std::uint32_t least_samples = 20;          ///< below, a tick of a latency or a ratio says nothing
  Duration quiet = std::chrono::minutes(5);  ///< between two alarms of one series
  Duration freeze = std::chrono::minutes(10);  ///< longest time without learning
};

/// Watches one series of one upstream, one value per tick (10 s). The value is transformed, its
/// level and season are taken out, neighbouring ticks are made independent, the rest is measured in
/// robust standard deviations, and four heads look at it. While alarmed nothing is learned, so an
/// incident does not become normal; after `freeze` the new level is accepted.
/// Owned by the control thread, one thread, no allocation, about 1 KiB. Does not decide what an
/// alarm means: CommonCause does.
class SeriesDetector {
 public:
  explicit SeriesDetector(const DetectorOptions& options) noexcept;

  /// The value of the tick that ends at `now`, from `samples` observations. Values that are not
  /// finite are skipped. An alarm at most once per `quiet`.
  std::optional<Alarm> tick(double value, std::uint32_t samples, TimePoint now) noexcept;

  /// The series says nothing for a while: an alarm is let go, what was learned stays.
  void pause() noexcept;

  /// Something is wrong since the last alarm and has not gone away.
  [[nodiscard]] bool alarmed() const noexcept { return alarmed_; }
  /// Standard deviations of the last tick from what was expected.
  [[nodiscard]] double z() const noexcept { return z_; }
  [[nodiscard]] bool warm() const noexcept { return learned_ >= options_.warm_up; }

 private:
  struct Reading {
    double x;           ///< the transformed value
    double raw;         ///< x without level and season
    double residual;    ///< the same; of a ratio the score of its count
    double innovation;  ///< without what the last residual foretold
    double sigma;       ///< of the innovation
  };
  struct Finding {
    AlarmKind kind;
    AlarmDirection direction;
  };
  [[nodiscard]] double transform(double value) const noexcept;
  [[nodiscard]] double untransform(double x) const noexcept;
  [[nodiscard]] double floor_of(double base) const noexcept;
  [[nodiscard]] bool too_few(std::uint32_t samples) const noexcept;
  [[nodiscard]] std::optional<Finding> look(double z, double own) noexcept;
  [[nodiscard]] bool suspicious() const noexcept;
  void learn(const Reading& reading, TimePoint now) noexcept;
  void watch_alarm(double own, double raw, TimePoint now) noexcept;
  void accept_level() noexcept;
  void calm() noexcept;

  DetectorOptions options_;
  SeriesSeason season_;
  MadScale scale_;
  Autocorrelation memory_;
  TailLevel tail_;
  Cusum up_;
  Cusum down_;
  Cusum slow_up_;
  Cusum slow_down_;
  Cusum spread_;
  double level_ = 0.0;
  double slope_ = 0.0;   ///< per tick, on the first day only
  double before_ = 0.0;  ///< residual of the last tick
  double z_ = 0.0;
  double samples_ = 0.0;       ///< usual number per tick
  double offset_ = 0.0;        ///< mean residual while alarmed
  double leaning_ = 0.0;       ///< recent mean deviation while alarmed
  std::uint32_t since_ = 0;    ///< ticks since the alarm
  std::uint32_t calm_ = 0;     ///< quiet ticks in a row while alarmed
  std::uint64_t learned_ = 0;  ///< ticks; decides what is warm
  std::uint64_t settled_ = 0;  ///< ticks since the level began
  TimePoint alarm_at_{};
  TimePoint told_at_{};
  std::uint8_t up_bits_ = 0;
  std::uint8_t down_bits_ = 0;
  std::uint8_t tail_bits_ = 0;
  bool alarmed_ = false;
  bool told_ = false;
  bool chained_ = false;  ///< before_ is of the tick right before
};

}  // namespace sluice::policy
