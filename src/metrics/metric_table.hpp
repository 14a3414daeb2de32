// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::metrics {

/// One per row of the table, in its order.
enum class MetricId : std::uint8_t {
  kHttpRequests,
  kCalls,
  kCallDuration,
  kCallsInFlight,
  kClientCalls,
  kOverhead,
  kRejected,
  kClientConnections,
  kUpstreamAttempts,
  kUpstreamAttemptDuration,
  kUpstreamHealthScore,
  kUpstreamState,
  kUpstreamOverride,
  kUpstreamHeadBlock,
  kUpstreamLagBlocks,
  kUpstreamConsecutiveFailures,
  kUpstreamRecoveries,
  kUpstreamOutage,
  kUpstreamThrottled,
  kUpstreamBatches,
  kUpstreamBatchedCalls,
  kChainHeadBlock,
  kHealthChecks,
  kHealthCheckDuration,
  kBreakerState,
  kBreakerTransitions,
  kPoolConnections,
  kPoolConnectionsCreated,
  kPoolConnectionsClosed,
  kPoolTargetConnections,
  kPoolUtilization,
  kUpstreamConcurrencyLimit,
  kUpstreamConcurrencyInflation,
  kUpstreamLimiting,
  kPoolForecast,
  kPoolForecastSkill,
  kScalerEvents,
  kWarmUps,
  kQueueDepth,
  kQueueWait,
  kQueueRejected,
  kRetries,
  kHedges,
  kAffinity,
  kBalanceModelError,
  kEventDeliveries,
  kAnomalies,
  kForecastBreach,
  kLogDropped,
  kConfigReloads,
  kConfigLastReloadSuccessful,
  kConfigLastReloadSuccessTimestamp,
  kTlsCertificateExpiry,
  kWorkerLoopLag,
  kBuildInfo,
  kProcessCpuSeconds,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessResidentMemory,
  kProcessVirtualMemory,
  kProcessStartTime,
  kCount,
};

inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(MetricId::kCount);

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

/// Who feeds a metric that no probe of WorkerMetrics feeds.
inline constexpr std::string_view kCollector =
    "collector";                                          ///< a callback of Registry::add_collector
inline constexpr std::string_view kBuiltIn = "built-in";  ///< the registry by itself

/// One row of THE table of metrics: exposition, reference and tests come from it.
struct Metric {
  MetricId id;
  std::string_view name;  ///< without the prefix
  MetricType type;
  std::array<std::string_view, 4> label_names;  ///< empty ones at the end
  std::string_view unit;                        ///< "" for a plain count
  std::string_view probe;  ///< the function of WorkerMetrics that feeds it, kCollector or kBuiltIn
  std::string_view help;

  [[nodiscard]] std::span<const std::string_view> labels() const noexcept;
  /// With "sluice_" before it, but for process_*: those names are shared by every Prometheus
  /// client.
  [[nodiscard]] std::string full_name() const;
};

[[nodiscard]] std::span<const Metric, kMetricCount> metric_table() noexcept;
[[nodiscard]] const Metric& metric(MetricId id) noexcept;

/// The page for operators, made from the table: deploy/docs/metrics-reference.md.
[[nodiscard]] std::string reference_markdown();

}  // namespace sluice::metrics
