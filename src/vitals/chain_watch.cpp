// SPDX-License-Identifier: Apache-2.0
#include "vitals/chain_watch.hpp"

#include <algorithm>
#include <utility>

namespace sluice::vitals {

namespace {

constexpr std::array<policy::SeriesKind, kSeries> kKinds = {
    policy::SeriesKind::latency, policy::SeriesKind::latency, policy::SeriesKind::ratio,
    policy::SeriesKind::rate, policy::SeriesKind::lag};

/// A p99 of fewer is the time of one call.
constexpr std::uint32_t kEnoughCalls = 20;
/// A forecast that has not been looked at for so long is none.
constexpr Duration kForecastKept = std::chrono::minutes(2);

constexpr std::size_t at(Series series) noexcept {
  return static_cast<std::size_t>(series);
}

}  // namespace

ChainWatch::Upstream::Upstream() {
  for (const policy::SeriesKind kind : kKinds) {
    detectors.emplace_back(policy::DetectorOptions{.kind = kind});
  }
  for (std::size_t i = 0; i < kLimits; ++i) crossings.emplace_back(policy::CrossingOptions{});
}

ChainWatch::ChainWatch(std::size_t upstreams) : upstreams_(upstreams), verdicts_(upstreams) {
  for (std::size_t i = 0; i < kSeries; ++i) causes_.emplace_back(upstreams);
}

void ChainWatch::tick(std::span<const Reading> readings, TimePoint now) {
  found_.clear();
  ended_.clear();
  forecasts_.clear();
  for (std::uint32_t i = 0; i < std::min(readings.size(), upstreams_.size()); ++i) {
    watch(i, readings[i], now);
  }
  for (std::size_t i = 0; i < kSeries; ++i) settle(static_cast<Series>(i), now);
}

void ChainWatch::watch(std::uint32_t upstream, const Reading& reading, TimePoint now) {
  if (reading.partial) return;
  const double calls = reading.calls;
  watch_series(upstream, Series::kLatencyP50, seconds(reading.p50), reading.calls, now);
  watch_series(upstream, Series::kLatencyP99, seconds(reading.p99), reading.calls, now);
  watch_series(upstream, Series::kErrorRatio, calls > 0 ? reading.failures / calls : 0.0,
               reading.calls, now);
  if (reading.spared) {
    rest_series(upstream, Series::kRate, now);
  } else {
    watch_series(upstream, Series::kRate, calls / seconds(kTick), reading.calls, now);
  }
  watch_series(upstream, Series::kHeadLag, static_cast<double>(reading.lag_blocks), 1, now);
  foretell(upstream, Limit::kPool, reading.in_flight_max, reading.in_flight_limit, now);
  foretell(upstream, Limit::kRateLimit, calls / seconds(kTick), reading.rate_limit_per_s, now);
  if (reading.calls >= kEnoughCalls || reading.latency_objective == Duration::zero()) {
    foretell(upstream, Limit::kLatency, seconds(reading.p99), seconds(reading.latency_objective),
             now);
  } else {
    foretell_nothing(upstream, Limit::kLatency, now);
  }
}

void ChainWatch::watch_series(std::uint32_t upstream, Series series, double value,
                              std::uint32_t samples, TimePoint now) {
  policy::SeriesDetector& detector = upstreams_[upstream].detectors[at(series)];
  policy::CommonCause& cause = causes_[at(series)];
  const auto alarm = detector.tick(value, samples, now);
  cause.watch(upstream, detector.warm());
  if (alarm) cause.raise(upstream, *alarm, now);
  follow_alarm(upstream, series, now);
}

/// Nothing is to be heard of it for a while.
void ChainWatch::rest_series(std::uint32_t upstream, Series series, TimePoint now) {
  upstreams_[upstream].detectors[at(series)].pause();
  causes_[at(series)].watch(upstream, false);
  follow_alarm(upstream, series, now);
}

void ChainWatch::follow_alarm(std::uint32_t upstream, Series series, TimePoint now) {
  Upstream& of = upstreams_[upstream];
  bool& alarmed = of.alarmed.at(at(series));
  const bool still = of.detectors[at(series)].alarmed();
  if (still && !alarmed) of.alarmed_since.at(at(series)) = now;
  if (!still && alarmed) {
    causes_[at(series)].clear(upstream);
    if (std::exchange(of.told.at(at(series)), false))
      ended_.push_back({series, false, upstream, now - of.alarmed_since.at(at(series))});
  }
  alarmed = still;
}

void ChainWatch::settle(Series series, TimePoint now) {
  const std::size_t count = causes_[at(series)].settle(now, verdicts_);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& verdict = verdicts_[i];
    if (verdict.common) {
      common_since_.at(at(series)) = now;
    } else {
      ++upstreams_[verdict.upstream].anomalies.at(at(series));
      upstreams_[verdict.upstream].told.at(at(series)) = true;
    }
    found_.push_back({series, verdict.common, verdict.upstream, verdict.alarm});
  }
  auto& since = common_since_.at(at(series));
  if (since && !causes_[at(series)].common()) {
    ended_.push_back({series, true, 0, now - *since});
    since.reset();
  }
}

void ChainWatch::foretell(std::uint32_t upstream, Limit limit, double value, double bound,
                          TimePoint now) {
  Upstream& of = upstreams_[upstream];
  policy::CrossingForecast& forecast = of.crossings[static_cast<std::size_t>(limit)];
  auto& breach_at = of.breach_at.at(static_cast<std::size_t>(limit));
  of.looked_at.at(static_cast<std::size_t>(limit)) = now;
  if (bound <= 0.0) {
    breach_at.reset();
    return;
  }
  const auto crossing = forecast.tick(value, bound, now);
  if (crossing) {
    breach_at = now + crossing->in;
    forecasts_.push_back({limit, upstream, bound, *crossing});
  } else if (forecast.probability() < policy::CrossingOptions{}.probability / 2) {
    breach_at.reset();
  }
}

/// Too little is known of this tick. What was foretold holds for a while.
void ChainWatch::foretell_nothing(std::uint32_t upstream, Limit limit, TimePoint now) {
  Upstream& of = upstreams_[upstream];
  const auto index = static_cast<std::size_t>(limit);
  if (now - of.looked_at.at(index) > kForecastKept) of.breach_at.at(index).reset();
}

bool ChainWatch::to_blame(std::uint32_t upstream) const noexcept {
  return std::ranges::any_of(
      std::array{Series::kLatencyP50, Series::kLatencyP99, Series::kErrorRatio},
      [&](Series series) { return causes_[at(series)].to_blame(upstream); });
}

std::optional<Duration> ChainWatch::breach_in(std::uint32_t upstream, Limit limit,
                                              TimePoint now) const noexcept {
  const auto& when = upstreams_[upstream].breach_at.at(static_cast<std::size_t>(limit));
  if (!when) return std::nullopt;
  return std::max(*when - now, Duration::zero());
}

}  // namespace sluice::vitals
