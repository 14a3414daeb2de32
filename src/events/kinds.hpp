// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/log.hpp"

namespace sluice::events {

/// One per row of the table, in its order.
enum class Kind : std::uint8_t {
  kReady,
  kReloaded,
  kReloadFailed,
  kDraining,
  kCallsCut,
  kStopped,
  kUpstreamIn,
  kUpstreamOut,
  kWarmedUp,
  kWrongChain,
  kBreakerOpened,
  kBreakerHalfOpened,
  kBreakerClosed,
  kPoolScaled,
  kLimiting,
  kLimitingOver,
  kConnectionCreated,
  kConnectionClosed,
  kQueueOverloaded,
  kQueueRelieved,
  kAnomaly,
  kAnomalyOver,
  kForecast,
  kOverrideSet,
  kOverrideCleared,
  kWebhookFailing,
  kWebhookWorking,
  kGap,
  kCount,
};

inline constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCount);
inline constexpr std::size_t kFieldsMax = 8;

/// One row of THE table of events: what goes out, the reference and the tests come from it.
struct KindRow {
  Kind kind;
  std::string_view name;  ///< a word that machines match on; never changes its meaning
  /// Below kInfo: told to whoever listens at the moment, not kept, and not sent to the webhook.
  log::Level level;
  std::array<std::string_view, kFieldsMax> field_names;  ///< empty ones at the end
  std::string_view message;                              ///< for people
  std::string_view doc;

  [[nodiscard]] constexpr std::span<const std::string_view> fields() const noexcept {
    std::size_t count = 0;
    while (count < kFieldsMax && !field_names[count].empty()) ++count;
    return {field_names.data(), count};
  }
};

// clang-format off
inline constexpr std::array<KindRow, kKinds> kTable = {{
  // The daemon.
  {Kind::kReady, "ready", log::Level::kInfo, {"workers", "chains"}, "serving",
   "Start-up has ended and clients are taken."},
  {Kind::kReloaded, "reloaded", log::Level::kInfo, {"chains"}, "the configuration was reloaded",
   "A reload was applied."},
  {Kind::kReloadFailed, "reload_failed", log::Level::kError, {"reason"}, "the configuration was not reloaded, the running one goes on",
   "A reload was refused; nothing of the file was applied."},
  {Kind::kDraining, "draining", log::Level::kInfo, {"delay_s"}, "shutting down: not ready any more",
   "Shutdown has begun; calls in flight are finished."},
  {Kind::kCallsCut, "calls_cut", log::Level::kWarn, {"reason", "calls"}, "calls were cut",
   "Calls that had not ended when the grace time had passed, or at a second signal, were given up."},
  {Kind::kStopped, "stopped", log::Level::kInfo, {"exit_code", "undelivered"}, "stopped",
   "The last line of a process; only in the log."},
  // Upstreams.
  {Kind::kUpstreamIn, "upstream_in", log::Level::kInfo, {"chain", "upstream", "from", "to", "reason", "out_s"}, "the upstream is in rotation",
   "The upstream gets calls again, or for the first time; `out_s`: how long it was away, 0 when it is new."},
  {Kind::kUpstreamOut, "upstream_out", log::Level::kWarn, {"chain", "upstream", "from", "to", "reason"}, "the upstream has left the rotation, or stays only for want of others",
   "The upstream was ejected; with `to` degraded it would be, were there others."},
  {Kind::kWarmedUp, "warmed_up", log::Level::kDebug, {"chain", "upstream", "outcome", "connections", "took_s"}, "the wait for warm connections has ended",
   "Before its return: `outcome` ok, then the upstream is in rotation, or failed, then the next good probe begins anew."},
  {Kind::kWrongChain, "wrong_chain", log::Level::kError, {"chain", "upstream", "expected", "actual"}, "the upstream serves another chain than configured",
   "It answers another chain id than is configured, or than the first upstream answered; it gets no calls."},
  {Kind::kBreakerOpened, "breaker_opened", log::Level::kWarn, {"chain", "upstream", "class", "reason", "failure_ratio", "calls", "open_s"}, "the breaker has opened: calls of this class go elsewhere",
   "Too many calls of one method class failed on the upstream."},
  {Kind::kBreakerHalfOpened, "breaker_half_opened", log::Level::kInfo, {"chain", "upstream", "class"}, "the breaker lets a few calls through",
   "The time of an open breaker has passed; a few calls find out whether it closes."},
  {Kind::kBreakerClosed, "breaker_closed", log::Level::kInfo, {"chain", "upstream", "class", "reason", "open_s"}, "the breaker has closed",
   "Calls of the class are sent to the upstream again."},
  // Pools.
  {Kind::kPoolScaled, "pool_scaled", log::Level::kDebug, {"chain", "upstream", "direction", "from", "to", "reason", "utilization"}, "the pool has another size",
   "The scaler has changed how many connections the pool aims to have."},
  {Kind::kLimiting, "limiting", log::Level::kDebug, {"chain", "upstream", "limit", "inflation"}, "the concurrency limit holds calls back",
   "The upstream works on no more calls at once than the limit found; with `mode: observe` the limit would hold calls back."},
  {Kind::kLimitingOver, "limiting_over", log::Level::kDebug, {"chain", "upstream", "limit", "lasted_s"}, "the concurrency limit holds no calls back any more",
   "For five seconds no call was in its way."},
  {Kind::kConnectionCreated, "connection_created", log::Level::kDebug, {"chain", "upstream", "worker"}, "a connection is being made",
   "One connection to an upstream; a burst is sampled."},
  {Kind::kConnectionClosed, "connection_closed", log::Level::kDebug, {"chain", "upstream", "worker", "reason"}, "a connection was closed",
   "One connection to an upstream; a burst is sampled."},
  // Queues.
  {Kind::kQueueOverloaded, "queue_overloaded", log::Level::kWarn, {"chain", "waiting", "rejected"}, "the queue refuses calls",
   "The first calls of an episode were refused or timed out in the queue."},
  {Kind::kQueueRelieved, "queue_relieved", log::Level::kInfo, {"chain", "rejected", "lasted_s"}, "the queue takes calls again",
   "No call was refused for a while: the episode is over, with its count."},
  // What was learned.
  {Kind::kAnomaly, "anomaly", log::Level::kWarn, {"chain", "upstream", "series", "pattern", "direction", "value", "expected", "z"}, "a series of the upstream is unlike itself",
   "A detector has found a spike, a shift, more spread or a heavier tail; `upstream` is `*` when most of the chain's upstreams share it."},
  {Kind::kAnomalyOver, "anomaly_over", log::Level::kInfo, {"chain", "upstream", "series", "lasted_s"}, "the series is like itself again",
   "An anomaly has ended, or is the new normal."},
  {Kind::kForecast, "forecast", log::Level::kWarn, {"chain", "upstream", "series", "limit", "in_s", "probability"}, "a limit will be reached",
   "The trend of an upstream will cross a limit: its connections, its provider's rate, or the latency objective."},
  // The operator's hand.
  {Kind::kOverrideSet, "override_set", log::Level::kInfo, {"chain", "upstream", "setting", "value", "before"}, "an operator has set something by hand",
   "`sluice ctl` drained an upstream, set a weight, a breaker or a pool's size. It holds until taken back or the process ends."},
  {Kind::kOverrideCleared, "override_cleared", log::Level::kInfo, {"chain", "upstream", "setting", "before"}, "what an operator had set is taken back",
   "The configuration and the policies decide again."},
  // Events themselves.
  {Kind::kWebhookFailing, "webhook_failing", log::Level::kWarn, {"reason", "attempts", "waiting"}, "events cannot be delivered to the webhook",
   "A delivery has failed; it is repeated."},
  {Kind::kWebhookWorking, "webhook_working", log::Level::kInfo, {"failed_s", "waiting", "dropped"}, "events are delivered to the webhook again",
   "A delivery has succeeded after others had failed."},
  {Kind::kGap, "gap", log::Level::kWarn, {"reason", "missed"}, "events before this point are not to be had any more",
   "Only in streams: the reader asked for events that are gone. `missed` is their number where it is known."},
}};
// clang-format on

consteval bool rows_are_sound() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].kind) != i || kTable[i].doc.empty()) return false;
  }
  return true;
}
static_assert(rows_are_sound());

[[nodiscard]] constexpr const KindRow& row(Kind kind) noexcept {
  return kTable[static_cast<std::size_t>(kind)];
}

/// What a field of the events means; empty for a word that no event has.
[[nodiscard]] std::string_view field_doc(std::string_view field) noexcept;

/// The page for operators, made from the table: deploy/docs/events-reference.md.
[[nodiscard]] std::string reference_markdown();

}  // namespace sluice::events
