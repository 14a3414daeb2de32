// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "metrics/registry.hpp"
#include "support/catch.hpp"

namespace sluice::metrics {

inline LabelSets test_sets() {
  return {.methods = {"eth_call", "eth_blockNumber", "other"},
          .outcomes = {"ok", "revert", "timeout"},
          .attempt_outcomes = {"ok", "throttled", "connect"},
          .reject_reasons = {"too_large", "bad_host"},
          .close_reasons = {"idle", "error"},
          .queue_reject_reasons = {"full", "expired"},
          .retry_reasons = {"connect", "throttled"},
          .hedge_outcomes = {"won", "lost"},
          .affinity_outcomes = {"kept", "moved"},
          .priorities = {"critical", "normal"},
          .protocols = {"http", "websocket"},
          .health_check_outcomes = {"ok", "failed"},
          .batch_outcomes = {"ok", "refused"},
          .warm_up_outcomes = {"ok", "failed"}};
}

/// The value of the series with exactly this name and these labels; -1 if it is not on the page, -2
/// if it is twice.
inline double series(const std::string& page, const std::string& name_and_labels) {
  const std::string start = "\n" + name_and_labels + " ";
  const std::size_t at = ("\n" + page).find(start);
  if (at == std::string::npos) return -1;
  if (("\n" + page).find(start, at + 1) != std::string::npos) return -2;
  return std::stod(page.substr(at + start.size() - 1));
}

inline bool has(const std::string& page, std::string_view part) {
  return page.find(part) != std::string::npos;
}

/// One event of every probe, on `on`; and a sample of every metric that collectors feed.
inline void drive_every_probe(Registry& registry, WorkerMetrics& on) {
  using std::chrono::microseconds;
  const ChainSlot chain = registry.chain("mainnet");
  const UpstreamSlot upstream = registry.upstream(chain, "node-a");
  on.http_request(200);
  on.rejected(1);
  on.client_connections(0, 1);
  on.call_started(chain);
  on.call_started(chain);
  on.call_finished(chain, 0, 0, microseconds(700), microseconds(20));
  on.client_call(registry.client("bot-a"), 0);
  on.queue_wait(chain, 1, microseconds(100));
  on.queue_rejected(chain, 0);
  on.retry(chain, 1);
  on.attempt_finished(upstream, 0, microseconds(680));
  on.connection_created(upstream);
  on.connection_closed(upstream, 1);
  on.throttled(upstream);
  on.recovered(upstream, std::chrono::seconds(3));
  on.health_check(upstream, 0, microseconds(900));
  on.warmed_up(upstream, 0);
}

inline void collect_everything(Emitter& emit) {
  using Id = MetricId;
  static constexpr std::array<std::string_view, 3> kStates = {"unknown", "up", "down"};
  const std::string_view chain = "mainnet", upstream = "node-a";
  emit.gauge(Id::kUpstreamHealthScore, {chain, upstream}, 0.75);
  emit.one_hot(Id::kUpstreamState, {chain, upstream}, kStates, 1);
  emit.gauge(Id::kUpstreamHeadBlock, {chain, upstream}, 21'000'000);
  emit.gauge(Id::kUpstreamLagBlocks, {chain, upstream}, 2);
  emit.gauge(Id::kUpstreamConsecutiveFailures, {chain, upstream}, 0);
  emit.gauge(Id::kChainHeadBlock, {chain}, 21'000'002);
  emit.one_hot(Id::kPoolConnections, {chain, upstream}, kStates, 0);
  emit.gauge(Id::kPoolTargetConnections, {chain, upstream}, 8);
  emit.gauge(Id::kPoolUtilization, {chain, upstream}, 0.5);
  emit.gauge(Id::kUpstreamConcurrencyLimit, {chain, upstream}, 24);
  emit.gauge(Id::kUpstreamConcurrencyInflation, {chain, upstream}, 1.5);
  emit.gauge(Id::kUpstreamLimiting, {chain, upstream}, 1);
  emit.gauge(Id::kPoolForecast, {chain, upstream}, 12.5);
  emit.gauge(Id::kPoolForecastSkill, {chain, upstream}, 0.4);
  emit.counter(Id::kScalerEvents, {chain, upstream, "up", "demand"}, 2);
  emit.gauge(Id::kQueueDepth, {chain, "normal"}, 3);
  emit.one_hot(Id::kUpstreamOverride, {chain, upstream}, kStates, 0);
  emit.counter(Id::kEventDeliveries, {"log", "delivered"}, 7);
  emit.one_hot(Id::kBreakerState, {chain, upstream, "trace"}, kStates, 0);
  emit.counter(Id::kBreakerTransitions, {chain, upstream, "trace", "open"}, 1);
  emit.counter(Id::kAnomalies, {chain, upstream, "rate"}, 1);
  emit.gauge(Id::kForecastBreach, {chain, upstream, "pool"}, 300);
  emit.gauge(Id::kBalanceModelError, {chain, upstream}, 0.8);
  emit.counter(Id::kConfigReloads, {"applied"}, 4);
  emit.gauge(Id::kConfigLastReloadSuccessful, {}, 1);
  emit.gauge(Id::kConfigLastReloadSuccessTimestamp, {}, 1.7e9);
  emit.gauge(Id::kTlsCertificateExpiry, {}, 1.8e9);
  emit.gauge(Id::kWorkerLoopLag, {"0"}, 0.0001);
  emit.gauge(Id::kBuildInfo, {"0.1.0", "abc", "g++ 12"}, 1);
}

}  // namespace sluice::metrics
