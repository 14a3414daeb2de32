// SPDX-License-Identifier: Apache-2.0
#include "vitals/chain_watch.hpp"

#include <algorithm>

namespace sluice::vitals {

namespace {

constexpr std::array<policy::SeriesKind, kSeries> kKinds = {
    policy::SeriesKind::latency, policy::SeriesKind::latency, policy::SeriesKind::ratio,
    policy::SeriesKind::rate, policy::SeriesKind::lag};

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
  const double calls = reading.calls;
  watch_series(upstream, Series::kLatencyP50, seconds(reading.p50), reading.calls, now);
  watch_series(upstream, Series::kLatencyP99, seconds(reading.p99), reading.calls, now);
  watch_series(upstream, Series::kErrorRatio, calls > 0 ? reading.failures / calls : 0.0,
               reading.calls, now);
  watch_series(upstream, Series::kRate, calls / seconds(kTick), reading.calls, now);
  watch_series(upstream, Series::kHeadLag, static_cast<double>(reading.lag_blocks), 1, now);
  foretell(upstream, Limit::kPool, reading.in_flight_max, reading.in_flight_limit, now);
  foretell(upstream, Limit::kRateLimit, calls / seconds(kTick), reading.rate_limit_per_s, now);
}

void ChainWatch::watch_series(std::uint32_t upstream, Series series, double value,
                              std::uint32_t samples, TimePoint now) {
  Upstream& of = upstreams_[upstream];
  policy::SeriesDetector& detector = of.detectors[at(series)];
  policy::CommonCause& cause = causes_[at(series)];
  const auto alarm = detector.tick(value, samples, now);
  cause.watch(upstream, detector.warm());
  if (alarm) cause.raise(upstream, *alarm, now);
  bool& alarmed = of.alarmed.at(at(series));
  if (detector.alarmed() && !alarmed) of.alarmed_since.at(at(series)) = now;
  if (!detector.alarmed() && alarmed) {
    cause.clear(upstream);
    ended_.push_back({series, upstream, now - of.alarmed_since.at(at(series))});
  }
  alarmed = detector.alarmed();
}

void ChainWatch::settle(Series series, TimePoint now) {
  const std::size_t count = causes_[at(series)].settle(now, verdicts_);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& verdict = verdicts_[i];
    if (!verdict.common) ++upstreams_[verdict.upstream].anomalies.at(at(series));
    found_.push_back({series, verdict.common, verdict.upstream, verdict.alarm});
  }
}

void ChainWatch::foretell(std::uint32_t upstream, Limit limit, double value, double bound,
                          TimePoint now) {
  if (bound <= 0.0) return;
  Upstream& of = upstreams_[upstream];
  policy::CrossingForecast& forecast = of.crossings[static_cast<std::size_t>(limit)];
  auto& breach_at = of.breach_at.at(static_cast<std::size_t>(limit));
  const auto crossing = forecast.tick(value, bound, now);
  if (crossing) {
    breach_at = now + crossing->in;
    forecasts_.push_back({limit, upstream, bound, *crossing});
  } else if (forecast.probability() < policy::CrossingOptions{}.probability / 2) {
    breach_at.reset();
  }
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
