// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "policy/anomaly/common_cause.hpp"
#include "policy/anomaly/crossing_forecast.hpp"
#include "policy/anomaly/series_detector.hpp"

namespace sluice::vitals {

/// What is watched of each upstream.
enum class Series : std::uint8_t {
  kLatencyP50,
  kLatencyP99,
  kErrorRatio,
  kRate,
  kHeadLag,
};
inline constexpr std::size_t kSeries = 5;
inline constexpr std::array<std::string_view, kSeries> kSeriesWords = {
    "latency_p50", "latency_p99", "error_ratio", "rate", "head_lag"};

/// Limits that a series may run into.
enum class Limit : std::uint8_t {
  kPool,       ///< calls in flight against the connections that there may be
  kRateLimit,  ///< calls a second against what the provider allows
  kLatency,    ///< the p99 in seconds against what it shall be at most
};
inline constexpr std::size_t kLimits = 3;
inline constexpr std::array<std::string_view, kLimits> kLimitWords = {"pool", "rate_limit",
                                                                      "latency_objective"};

/// One upstream over the ten seconds that have just ended.
struct Reading {
  Duration p50{0};
  Duration p99{0};
  std::uint32_t calls = 0;
  std::uint32_t failures = 0;
  std::uint64_t lag_blocks = 0;
  double in_flight_max = 0.0;
  double in_flight_limit = 0.0;
  /// 0: none.
  double rate_limit_per_s = 0.0;
  /// 0: none.
  Duration latency_objective{0};
  /// Not of the whole ten seconds: nothing of it counts.
  bool partial = false;
  /// Calls are kept from it, all or some: how many come says nothing of it.
  bool spared = false;
};

/// A series of one upstream is unlike itself, or (`common`) of most of them at once.
struct AnomalyFound {
  Series series = Series::kLatencyP50;
  bool common = false;
  std::uint32_t upstream = 0;
  policy::Alarm alarm;
};
/// Of what was found: nothing else ends.
struct AnomalyEnded {
  Series series = Series::kLatencyP50;
  bool common = false;
  std::uint32_t upstream = 0;
  Duration lasted{0};
};
struct LimitForecast {
  Limit limit = Limit::kPool;
  std::uint32_t upstream = 0;
  double limit_value = 0.0;
  policy::Crossing crossing;
};

/// All series of one chain's upstreams: feeds the detectors, sorts what they find into an
/// upstream's own trouble and what all share, and says which limits will be met. A value of the
/// control thread; no clock and no I/O. Upstreams are counted as the chain's configuration has
/// them.
class ChainWatch {
 public:
  static constexpr Duration kTick = std::chrono::seconds(10);

  explicit ChainWatch(std::size_t upstreams);

  /// Once per kTick; one reading for each upstream.
  void tick(std::span<const Reading> readings, TimePoint now);

  // Of the latest tick.
  [[nodiscard]] std::span<const AnomalyFound> found() const noexcept { return found_; }
  [[nodiscard]] std::span<const AnomalyEnded> ended() const noexcept { return ended_; }
  [[nodiscard]] std::span<const LimitForecast> forecasts() const noexcept { return forecasts_; }

  /// Its response times or errors are unlike themselves, and not those of most others.
  [[nodiscard]] bool to_blame(std::uint32_t upstream) const noexcept;
  /// Alarms of its own so far.
  [[nodiscard]] std::uint64_t anomalies(std::uint32_t upstream, Series series) const noexcept {
    return upstreams_[upstream].anomalies[static_cast<std::size_t>(series)];
  }
  /// Time to the limit as it was foretold, less what has passed; nothing while none is near.
  [[nodiscard]] std::optional<Duration> breach_in(std::uint32_t upstream, Limit limit,
                                                  TimePoint now) const noexcept;

 private:
  struct Upstream {
    Upstream();
    std::vector<policy::SeriesDetector> detectors;
    std::array<TimePoint, kSeries> alarmed_since{};
    std::array<bool, kSeries> alarmed{};
    /// Found as an anomaly of its own that has not ended.
    std::array<bool, kSeries> told{};
    std::array<std::uint64_t, kSeries> anomalies{};
    std::vector<policy::CrossingForecast> crossings;
    std::array<std::optional<TimePoint>, kLimits> breach_at{};
    /// When each was last looked at.
    std::array<TimePoint, kLimits> looked_at{};
  };

  void watch(std::uint32_t upstream, const Reading& reading, TimePoint now);
  void watch_series(std::uint32_t upstream, Series series, double value, std::uint32_t samples,
                    TimePoint now);
  void rest_series(std::uint32_t upstream, Series series, TimePoint now);
  void follow_alarm(std::uint32_t upstream, Series series, TimePoint now);
  void foretell(std::uint32_t upstream, Limit limit, double value, double bound, TimePoint now);
  void foretell_nothing(std::uint32_t upstream, Limit limit, TimePoint now);
  void settle(Series series, TimePoint now);

  std::vector<Upstream> upstreams_;
  std::vector<policy::CommonCause> causes_;
  /// Since when there is a common anomaly of a series.
  std::array<std::optional<TimePoint>, kSeries> common_since_{};
  std::vector<policy::CommonCause::Verdict> verdicts_;
  std::vector<AnomalyFound> found_;
  std::vector<AnomalyEnded> ended_;
  std::vector<LimitForecast> forecasts_;
};

}  // namespace sluice::vitals
