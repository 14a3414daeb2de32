// SPDX-License-Identifier: Apache-2.0
#include "metrics/metric_table.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace sluice::metrics {
namespace {

using enum MetricType;
using Id = MetricId;

// clang-format off
constexpr std::array<Metric, kMetricCount> kTable = {{
  // Traffic.
  {Id::kHttpRequests, "http_requests_total", kCounter, {"code"}, "", "http_request",
   "HTTP requests answered, by status code; a WebSocket upgrade counts as 101."},
  {Id::kCalls, "calls_total", kCounter, {"chain", "method", "outcome"}, "", "call_finished",
   "Calls finished, by method (those not in the method table are other) and outcome."},
  {Id::kCallDuration, "call_duration_seconds", kHistogram, {"chain", "method"}, "seconds", "call_finished",
   "Time of a call from its last byte read to its reply being ready."},
  {Id::kCallsInFlight, "calls_in_flight", kGauge, {"chain"}, "", "call_started, call_finished",
   "Calls that have started and not finished."},
  {Id::kClientCalls, "client_calls_total", kCounter, {"client", "outcome"}, "", "client_call",
   "Calls finished, by the configured client that made them."},
  {Id::kOverhead, "overhead_seconds", kHistogram, {"chain"}, "seconds", "call_finished",
   "The daemon's own part of a call: its duration minus the time spent waiting on upstreams."},
  {Id::kRejected, "rejected_total", kCounter, {"reason"}, "", "rejected",
   "Requests and connections refused before a call was run."},
  {Id::kClientConnections, "client_connections", kGauge, {"protocol"}, "", "client_connections",
   "Open connections of clients."},
  // Upstreams.
  {Id::kUpstreamAttempts, "upstream_attempts_total", kCounter, {"chain", "upstream", "outcome"}, "", "attempt_finished",
   "Attempts of calls on an upstream; retries are further attempts."},
  {Id::kUpstreamAttemptDuration, "upstream_attempt_duration_seconds", kHistogram, {"chain", "upstream"}, "seconds", "attempt_finished",
   "Time of an attempt from its connection being at hand to its reply being complete."},
  {Id::kUpstreamHealthScore, "upstream_health_score", kGauge, {"chain", "upstream"}, "", kCollector,
   "Health from 0 (unusable) to 1."},
  {Id::kUpstreamState, "upstream_state", kGauge, {"chain", "upstream", "state"}, "", kCollector,
   "1 for the state the upstream is in, 0 for every other state."},
  {Id::kUpstreamOverride, "upstream_override", kGauge, {"chain", "upstream", "setting"}, "", kCollector,
   "1 while an operator has set it by hand (sluice ctl): drain, weight, breaker or scale."},
  {Id::kUpstreamHeadBlock, "upstream_head_block", kGauge, {"chain", "upstream"}, "", kCollector,
   "Newest block number the upstream is known to have."},
  {Id::kUpstreamLagBlocks, "upstream_lag_blocks", kGauge, {"chain", "upstream"}, "", kCollector,
   "Blocks by which the upstream is behind its chain."},
  {Id::kUpstreamConsecutiveFailures, "upstream_consecutive_failures", kGauge, {"chain", "upstream"}, "", kCollector,
   "Failures in a row, of health checks and traffic."},
  {Id::kUpstreamRecoveries, "upstream_recoveries_total", kCounter, {"chain", "upstream"}, "", "recovered",
   "Times the upstream came back into rotation."},
  {Id::kUpstreamOutage, "upstream_outage_seconds", kHistogram, {"chain", "upstream"}, "seconds", "recovered",
   "How long the upstream had been out when it came back into rotation."},
  {Id::kUpstreamThrottled, "upstream_throttled_total", kCounter, {"chain", "upstream"}, "", "throttled",
   "Replies in which the upstream said that its rate limit was reached."},
  {Id::kUpstreamBatches, "upstream_batches_total", kCounter, {"chain", "upstream", "outcome"}, "", "upstream_batch",
   "JSON-RPC batches sent to the upstream, by how they ended."},
  {Id::kUpstreamBatchedCalls, "upstream_batched_calls_total", kCounter, {"chain", "upstream"}, "", "upstream_batch",
   "Attempts of calls that left for the upstream in a batch."},
  {Id::kChainHeadBlock, "chain_head_block", kGauge, {"chain"}, "", kCollector,
   "Newest block number the chain is taken to have."},
  {Id::kHealthChecks, "health_checks_total", kCounter, {"chain", "upstream", "outcome"}, "", "health_check",
   "Health checks finished."},
  {Id::kHealthCheckDuration, "health_check_duration_seconds", kHistogram, {"chain", "upstream"}, "seconds", "health_check",
   "Time of a health check."},
  {Id::kBreakerState, "breaker_state", kGauge, {"chain", "upstream", "class", "state"}, "", kCollector,
   "1 for the state of the breaker of a method class, 0 for every other state; classes that were called."},
  {Id::kBreakerTransitions, "breaker_transitions_total", kCounter, {"chain", "upstream", "class", "to"}, "", kCollector,
   "Times the breaker of a method class came into a state."},
  // Pools.
  {Id::kPoolConnections, "pool_connections", kGauge, {"chain", "upstream", "state"}, "", kCollector,
   "Connections to the upstream, by state."},
  {Id::kPoolConnectionsCreated, "pool_connections_created_total", kCounter, {"chain", "upstream"}, "", "connection_created",
   "Connections to the upstream that were established."},
  {Id::kPoolConnectionsClosed, "pool_connections_closed_total", kCounter, {"chain", "upstream", "reason"}, "", "connection_closed",
   "Connections to the upstream that were closed."},
  {Id::kPoolTargetConnections, "pool_target_connections", kGauge, {"chain", "upstream"}, "", kCollector,
   "Connections the pool aims to have."},
  {Id::kPoolUtilization, "pool_utilization_ratio", kGauge, {"chain", "upstream"}, "ratio", kCollector,
   "Busy connections as a part of the pool's limit, 0 to 1."},
  {Id::kUpstreamConcurrencyLimit, "upstream_concurrency_limit", kGauge, {"chain", "upstream"}, "", kCollector,
   "Connections to the upstream that carry calls at most, as the concurrency limit finds them; kept to with mode act."},
  {Id::kUpstreamConcurrencyInflation, "upstream_concurrency_inflation_ratio", kGauge, {"chain", "upstream"}, "ratio", kCollector,
   "Response times of the upstream to what they are when nothing queues there."},
  {Id::kUpstreamLimiting, "upstream_limiting", kGauge, {"chain", "upstream"}, "", kCollector,
   "1 while the concurrency limit holds calls back (with mode observe: would)."},
  {Id::kPoolForecast, "pool_forecast_connections", kGauge, {"chain", "upstream"}, "", kCollector,
   "Connections that are expected to be needed at once before ones dialled now could be ready (an upper figure); no series while nothing is foreseen."},
  {Id::kPoolForecastSkill, "pool_forecast_skill_ratio", kGauge, {"chain", "upstream"}, "ratio", kCollector,
   "How much better the forecast is than the best rule without one: 1 perfect, 0 no better (or still learning), below 0 worse; at 0.1 or less it is not used."},
  {Id::kScalerEvents, "scaler_events_total", kCounter, {"chain", "upstream", "direction", "reason"}, "", kCollector,
   "Changes of the number of connections that the pool aims to have, by direction (up, down) and reason."},
  {Id::kWarmUps, "warmups_total", kCounter, {"chain", "upstream", "outcome"}, "", "warmed_up",
   "Connections made ready before calls came, by outcome (ok, failed)."},
  // Queue and policies.
  {Id::kQueueDepth, "queue_depth", kGauge, {"chain", "priority"}, "", kCollector,
   "Calls that wait for capacity."},
  {Id::kQueueWait, "queue_wait_seconds", kHistogram, {"chain", "priority"}, "seconds", "queue_wait",
   "Time that calls waited for capacity; calls that did not wait are not counted."},
  {Id::kQueueRejected, "queue_rejected_total", kCounter, {"chain", "reason"}, "", "queue_rejected",
   "Calls that the queue refused or gave up on."},
  {Id::kRetries, "retries_total", kCounter, {"chain", "reason"}, "", "retry",
   "Attempts made because an earlier one failed."},
  {Id::kHedges, "hedges_total", kCounter, {"chain", "outcome"}, "", "hedge",
   "Second attempts beside a first one that was late: won (its reply was taken), lost (the first was answered before it), failed."},
  {Id::kAffinity, "affinity_total", kCounter, {"chain", "outcome"}, "", "affinity",
   "Choices of strategy affinity: kept (the upstream of the call's key), moved (that one is not fit), spilled (it has more than its share), none (no key)."},
  {Id::kBalanceModelError, "balance_model_error_ratio", kGauge, {"chain", "upstream"}, "ratio", kCollector,
   "Strategy learned: mean error of its models over that of the plain estimate, over about 1,000 calls; below 1 they foretell better."},
  // Daemon.
  {Id::kEventDeliveries, "event_deliveries_total", kCounter, {"sink", "outcome"}, "", kCollector,
   "Events by where they went and what became of them there; retried counts requests to the webhook, cut counts readers."},
  {Id::kAnomalies, "anomalies_total", kCounter, {"chain", "upstream", "series"}, "", kCollector,
   "Times that a series of an upstream (latency_p50, latency_p99, error_ratio, rate, head_lag) was unlike itself and not those of most others."},
  {Id::kForecastBreach, "forecast_breach_seconds", kGauge, {"chain", "upstream", "series"}, "seconds", kCollector,
   "Time until a limit (pool, rate_limit, latency_objective) is met as things go; no series while none is near."},
  {Id::kLogDropped, "log_dropped_total", kCounter, {}, "", kBuiltIn,
   "Log lines lost because the log's reader was too slow or refused them."},
  {Id::kConfigReloads, "config_reloads_total", kCounter, {"result"}, "", kCollector,
   "Reloads of the configuration, by result."},
  {Id::kConfigLastReloadSuccessful, "config_last_reload_successful", kGauge, {}, "", kCollector,
   "1 if the last reload of the configuration was applied, else 0."},
  {Id::kConfigLastReloadSuccessTimestamp, "config_last_reload_success_timestamp_seconds", kGauge, {}, "seconds", kCollector,
   "When a configuration was last applied, in seconds since the Unix epoch."},
  {Id::kTlsCertificateExpiry, "tls_certificate_expiry_timestamp_seconds", kGauge, {}, "seconds", kCollector,
   "When the first of the listeners' certificates expires, in seconds since the Unix epoch."},
  {Id::kWorkerLoopLag, "worker_loop_lag_seconds", kGauge, {"worker"}, "seconds", kCollector,
   "How late a worker's event loop was at the last measurement."},
  {Id::kBuildInfo, "build_info", kGauge, {"version", "revision", "compiler"}, "", kCollector,
   "Always 1; what was built is in the labels."},
  {Id::kProcessCpuSeconds, "process_cpu_seconds_total", kCounter, {}, "seconds", kBuiltIn,
   "CPU time used, user and system."},
  {Id::kProcessOpenFds, "process_open_fds", kGauge, {}, "", kBuiltIn,
   "Open file descriptors."},
  {Id::kProcessMaxFds, "process_max_fds", kGauge, {}, "", kBuiltIn,
   "File descriptors the process may have open."},
  {Id::kProcessResidentMemory, "process_resident_memory_bytes", kGauge, {}, "bytes", kBuiltIn,
   "Resident memory."},
  {Id::kProcessVirtualMemory, "process_virtual_memory_bytes", kGauge, {}, "bytes", kBuiltIn,
   "Virtual memory."},
  {Id::kProcessStartTime, "process_start_time_seconds", kGauge, {}, "seconds", kBuiltIn,
   "When the process started, in seconds since the Unix epoch."},
}};
// clang-format on

consteval bool rows_are_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].id) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

std::string_view type_word(MetricType type) noexcept {
  switch (type) {
    case kCounter:
      return "counter";
    case kGauge:
      return "gauge";
    case kHistogram:
      break;
  }
  return "histogram";
}

}  // namespace

std::span<const std::string_view> Metric::labels() const noexcept {
  const auto end = std::find(label_names.begin(), label_names.end(), std::string_view{});
  return {label_names.begin(), end};
}

std::string Metric::full_name() const {
  return name.starts_with("process_") ? std::string(name) : "sluice_" + std::string(name);
}

std::span<const Metric, kMetricCount> metric_table() noexcept {
  return kTable;
}

const Metric& metric(MetricId id) noexcept {
  return kTable[static_cast<std::size_t>(id)];
}

std::string reference_markdown() {
  std::string out =
      "# Metrics\n\n"
      "Made from the table of metrics in the source; do not edit. `/metrics` on the admin port has "
      "them in the "
      "Prometheus text format.\n\n"
      "Counters start at 0 with the process and are never reset. What a reload removes from the "
      "configuration keeps "
      "its counters and loses its gauges. Series per method, per client and per status code appear "
      "with the first "
      "event. Every histogram has the buckets 50us to 30s.\n\n"
      "| Metric | Type | Labels | Unit | Meaning |\n|---|---|---|---|---|\n";
  for (const Metric& row : kTable) {
    std::string labels;
    for (const std::string_view label : row.labels()) {
      fmt::format_to(std::back_inserter(labels), "{}`{}`", labels.empty() ? "" : ", ", label);
    }
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} | {} |\n", row.full_name(),
                   type_word(row.type), labels, row.unit, row.help);
  }
  return out;
}

}  // namespace sluice::metrics
