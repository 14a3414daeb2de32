// SPDX-License-Identifier: Apache-2.0
// What the watch over the upstreams' series finds: events and metrics.
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "app/daemon.hpp"

namespace sluice::app {

namespace {

constexpr std::array<std::string_view, 4> kPatterns = {"spike", "shift", "spread", "tail"};
/// In the place of an upstream's name: most of them at once.
constexpr std::string_view kMost = "*";

std::string_view word(vitals::Series series) noexcept {
  return vitals::kSeriesWords[static_cast<std::size_t>(series)];
}

}  // namespace

void Daemon::anomaly(const std::string& chain, const std::string& upstream,
                     const vitals::AnomalyFound& found) {
  events_->emit(events::Anomaly{
      .chain = chain,
      .upstream = found.common ? kMost : std::string_view(upstream),
      .series = word(found.series),
      .pattern = kPatterns[static_cast<std::size_t>(found.alarm.kind)],
      .direction = found.alarm.direction == policy::AlarmDirection::up ? "up" : "down",
      .value = found.alarm.value,
      .expected = found.alarm.expected,
      .z = found.alarm.z});
}

void Daemon::anomaly_over(const std::string& chain, const std::string& upstream,
                          const vitals::AnomalyEnded& ended) {
  events_->emit(events::AnomalyOver{.chain = chain,
                                    .upstream = ended.common ? kMost : std::string_view(upstream),
                                    .series = word(ended.series),
                                    .lasted_s = seconds(ended.lasted)});
}

void Daemon::limit_foretold(const std::string& chain, const std::string& upstream,
                            const vitals::LimitForecast& forecast) {
  const auto limit = static_cast<std::size_t>(forecast.limit);
  events_->emit(events::Forecast{.chain = chain,
                                 .upstream = upstream,
                                 .series = vitals::kLimitWords[limit],
                                 .limit = fmt::format("{:g}", forecast.limit_value),
                                 .in_s = seconds(forecast.crossing.in),
                                 .probability = forecast.crossing.probability});
}

void Daemon::collect_models(metrics::Emitter& emitter) const {
  for (const auto& chain : snapshot_->chains) {
    if (chain.strategy != "learned") continue;
    for (const auto& upstream : chain.upstreams) {
      const auto [error, plain_error] = upstream.shared->stats().model_error.load();
      if (plain_error <= 0.0F) continue;
      emitter.gauge(metrics::MetricId::kBalanceModelError, {chain.name, upstream.name},
                    static_cast<double>(error / plain_error));
    }
  }
}

void Daemon::collect_vitals(metrics::Emitter& emitter) const {
  using metrics::MetricId;
  collect_models(emitter);
  for (const auto& finding : vitals_.findings(now())) {
    for (std::size_t i = 0; i < vitals::kSeries; ++i) {
      emitter.counter(MetricId::kAnomalies,
                      {finding.chain, finding.upstream, vitals::kSeriesWords[i]},
                      static_cast<double>(finding.anomalies[i]));
    }
    for (std::size_t i = 0; i < vitals::kLimits; ++i) {
      if (!finding.breach_in[i]) continue;
      emitter.gauge(MetricId::kForecastBreach,
                    {finding.chain, finding.upstream, vitals::kLimitWords[i]},
                    seconds(*finding.breach_in[i]));
    }
  }
}

}  // namespace sluice::app
