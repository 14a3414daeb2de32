// SPDX-License-Identifier: Apache-2.0
// What the daemon tells: metrics, status, readiness, and events in the log.
#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "app/daemon.hpp"
#include "base/log.hpp"
#include "jsonrpc/write.hpp"

namespace sluice::app {

namespace {

constexpr std::array<std::string_view, 3> kServingWords = {"out", "in", "degraded"};
constexpr std::array<std::string_view, 4> kPoolStates = {"idle", "busy", "connecting", "draining"};

std::string json_text(std::string_view text) {
  std::string out = "\"";
  jsonrpc::append_escaped(out, text);
  return out + "\"";
}

std::uint32_t clamp_difference(std::uint32_t a, std::uint32_t b) {
  return a > b ? a - b : 0;
}

struct PoolCounts {
  std::uint32_t idle, busy, connecting, total, max;
};

PoolCounts pool_counts(const upstream::Shared& shared) {
  const std::uint32_t total = shared.connections.load();
  const std::uint32_t connecting = std::min(shared.connecting.load(), total);
  const std::uint32_t carriers =
      clamp_difference(shared.in_flight.load(), shared.in_flight_shared.load());
  const std::uint32_t busy = std::min(carriers, total - connecting);
  return {clamp_difference(total, connecting + busy), busy, connecting, total,
          shared.options().connections_max};
}

using health::word;

/// Which outcomes a sink can have, so that others do not show as zeros for ever.
struct Delivery {
  events::Sink sink;
  std::initializer_list<events::Outcome> outcomes;
};

void collect_deliveries(const events::Hub& hub, metrics::Emitter& emitter) {
  using enum events::Outcome;
  using enum events::Sink;
  for (const auto& [sink, outcomes] :
       {Delivery{kLog, {kDelivered}}, Delivery{kHandover, {kDelivered, kDropped}},
        Delivery{kStream, {kDelivered, kCut}}, Delivery{kControl, {kDelivered, kCut}},
        Delivery{kWebhook, {kDelivered, kRetried, kRefused, kDropped, kUndelivered}}}) {
    for (const events::Outcome outcome : outcomes) {
      emitter.counter(metrics::MetricId::kEventDeliveries,
                      {events::kSinkWords[static_cast<std::size_t>(sink)],
                       events::kOutcomeWords[static_cast<std::size_t>(outcome)]},
                      static_cast<double>(hub.counted(sink, outcome)));
    }
  }
}

std::string upstream_status(const health::UpstreamReport& report, TimePoint now) {
  const PoolCounts pool = pool_counts(*report.shared);
  const upstream::Options& options = report.shared->options();
  const auto ms_until = [now](std::int64_t until_ns) {
    return std::max<std::int64_t>((until_ns - now.time_since_epoch().count()) / 1'000'000, 0);
  };
  std::string out;
  fmt::format_to(
      std::back_inserter(out),
      R"({{"name":{},"url":"{}://{}:{}","state":"{}","reason":"{}","score":{:.3f},"score_parts":{{"errors":{:.3f},)"
      R"("latency":{:.3f},"freshness":{:.3f}}},"head":{},"lag_blocks":{},"consecutive_failures":{},)"
      R"("response_time_ms":{:.3f},"throttled_ms":{},"unbatched_ms":{},"connections":{{"idle":{},"busy":{},"connecting":{},"max":{}}}}})",
      json_text(report.name), options.tls ? "https" : "http", options.host, options.port,
      word(report.serving), word(report.reason), report.score.total(), report.score.errors,
      report.score.latency, report.score.freshness, report.head, report.lag,
      report.consecutive_failures, static_cast<double>(report.shared->latency_ns.load()) * 1e-6,
      ms_until(report.shared->throttled_until_ns.load()),
      ms_until(report.shared->unbatched_until_ns.load()), pool.idle, pool.busy, pool.connecting,
      pool.max);
  return out;
}

}  // namespace

void Daemon::probed(const std::string& chain, const std::string& upstream,
                    health::ProbeOutcome outcome, Duration took, std::uint32_t calls) {
  const auto slot = registry_->upstream(registry_->chain(chain), upstream);
  registry_->control().health_check(slot, static_cast<std::size_t>(outcome), took);
  const auto in = std::ranges::find(snapshot_->chains, chain, &proxy::ChainSpec::name);
  if (in == snapshot_->chains.end()) return;
  const auto found = std::ranges::find(in->upstreams, upstream, &proxy::UpstreamSpec::name);
  if (found != in->upstreams.end()) found->rate->charge(now(), calls);
}

void Daemon::rotation_changed(const std::string& chain, const health::UpstreamTarget& upstream,
                              const policy::RotationChange& change) {
  tell_workers(upstream, change.abandon);
  const auto fill = [&](auto event) {
    event.chain = chain;
    event.upstream = upstream.name;
    event.from = word(change.from);
    event.to = word(change.to);
    event.reason = word(change.reason);
    return event;
  };
  if (change.to != policy::Serving::kIn) {
    events_->emit(fill(events::UpstreamOut{}));
    return;
  }
  if (phase_ != Phase::kStarting)
    registry_->control().recovered(registry_->upstream(registry_->chain(chain), upstream.name));
  events_->emit(fill(events::UpstreamIn{}));
}

void Daemon::first_probed(const health::UpstreamTarget& upstream) {
  tell_workers(upstream, false);
}

void Daemon::tell_workers(const health::UpstreamTarget& upstream, bool abandon) {
  for (const auto& worker : workers_) {
    worker->post([&w = worker->worker(), shared = upstream.shared, abandon] {
      w.standing_changed(*shared, abandon);
    });
  }
}

void Daemon::collect(metrics::Emitter& emitter) const {
  using metrics::MetricId;
  for (const auto& chain : monitor_->report()) {
    emitter.gauge(MetricId::kChainHeadBlock, {chain.name}, static_cast<double>(chain.head));
    for (const auto& upstream : chain.upstreams) {
      const auto labels = {std::string_view(chain.name), std::string_view(upstream.name)};
      emitter.gauge(MetricId::kUpstreamHealthScore, labels, upstream.score.total());
      emitter.one_hot(MetricId::kUpstreamState, labels, kServingWords,
                      static_cast<std::size_t>(upstream.serving));
      emitter.gauge(MetricId::kUpstreamHeadBlock, labels, static_cast<double>(upstream.head));
      emitter.gauge(MetricId::kUpstreamLagBlocks, labels, static_cast<double>(upstream.lag));
      emitter.gauge(MetricId::kUpstreamConsecutiveFailures, labels, upstream.consecutive_failures);
      const PoolCounts pool = pool_counts(*upstream.shared);
      const std::array<std::uint32_t, 4> counts = {pool.idle, pool.busy, pool.connecting, 0};
      for (std::size_t i = 0; i < counts.size(); ++i) {
        emitter.gauge(MetricId::kPoolConnections, {chain.name, upstream.name, kPoolStates[i]},
                      counts[i]);
      }
      emitter.gauge(MetricId::kPoolTargetConnections, labels,
                    upstream.shared->options().connections_min);
      emitter.gauge(MetricId::kPoolUtilization, labels,
                    pool.max == 0 ? 0 : static_cast<double>(pool.busy) / pool.max);
    }
  }
  constexpr std::array<std::string_view, 4> kPriorities = {"critical", "high", "normal", "low"};
  for (const auto& chain : snapshot_->chains) {
    for (std::size_t i = 0; i < kPriorities.size(); ++i) {
      emitter.gauge(
          MetricId::kQueueDepth, {chain.name, kPriorities[i]},
          static_cast<double>(chain.shared->queue.depth(static_cast<policy::Priority>(i))));
    }
  }
  emitter.counter(MetricId::kConfigReloads, {"success"}, static_cast<double>(reloads_ok_));
  emitter.counter(MetricId::kConfigReloads, {"failure"}, static_cast<double>(reloads_failed_));
  emitter.gauge(MetricId::kConfigLastReloadSuccessful, {}, last_reload_ok_ ? 1 : 0);
  emitter.gauge(MetricId::kConfigLastReloadSuccessTimestamp, {}, last_reload_at_);
  double first_expiry = 0;
  for (const auto& [paths, expires_at] : certificates_) {
    if (first_expiry == 0 || expires_at < first_expiry) first_expiry = expires_at;
  }
  if (first_expiry != 0) emitter.gauge(MetricId::kTlsCertificateExpiry, {}, first_expiry);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    emitter.gauge(MetricId::kWorkerLoopLag, {std::to_string(i)}, workers_[i]->lag_s());
  }
  collect_deliveries(*events_, emitter);
  emitter.gauge(MetricId::kBuildInfo, {SLUICE_VERSION, SLUICE_REVISION, SLUICE_COMPILER}, 1);
}

std::string Daemon::status() const {
  constexpr std::array<std::string_view, 5> kPhases = {"starting", "serving", "draining",
                                                       "draining", "stopping"};
  const TimePoint time = now();
  std::string out =
      fmt::format(R"({{"version":"{}","phase":"{}","workers":{},"chains":[)", SLUICE_VERSION,
                  kPhases[static_cast<std::size_t>(phase_)], workers_.size());
  bool first_chain = true;
  for (const auto& chain : monitor_->report()) {
    fmt::format_to(std::back_inserter(out),
                   R"({}{{"name":{},"chain_id":{},"head":{},"upstreams":[)", first_chain ? "" : ",",
                   json_text(chain.name), chain.chain_id, chain.head);
    first_chain = false;
    bool first = true;
    for (const auto& upstream : chain.upstreams) {
      if (!std::exchange(first, false)) out += ",";
      out += upstream_status(upstream, time);
    }
    out += "]}";
  }
  fmt::format_to(std::back_inserter(out),
                 R"(],"reloads":{{"succeeded":{},"failed":{},"last_succeeded":{}}}}})", reloads_ok_,
                 reloads_failed_, last_reload_ok_);
  return out;
}

admin::Readiness Daemon::readiness() const {
  admin::Readiness readiness{.ready = true, .checks = {}};
  const auto add = [&](std::string name, bool ok, std::string detail) {
    readiness.ready = readiness.ready && ok;
    readiness.checks.push_back({std::move(name), ok, std::move(detail)});
  };
  add("phase", phase_ == Phase::kServing,
      phase_ == Phase::kServing    ? "serving"
      : phase_ == Phase::kStarting ? "starting"
                                   : "draining");
  for (const auto& chain : monitor_->report()) {
    std::size_t in = 0;
    for (const auto& upstream : chain.upstreams)
      in += upstream.serving != policy::Serving::kOut ? 1 : 0;
    add("chain " + chain.name, in != 0,
        fmt::format("{} of {} upstreams in rotation", in, chain.upstreams.size()));
  }
  return readiness;
}

}  // namespace sluice::app
