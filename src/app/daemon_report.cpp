// SPDX-License-Identifier: Apache-2.0
// What the daemon tells: metrics, status, readiness, and events in the log.
#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "app/breakers.hpp"
#include "app/choices.hpp"
#include "app/daemon.hpp"
#include "app/json.hpp"
#include "ethereum/method.hpp"

namespace sluice::app {

namespace {

constexpr std::array<std::string_view, 3> kServingWords = {"out", "in", "degraded"};
constexpr std::array<std::string_view, 4> kPoolStates = {"idle", "busy", "connecting", "draining"};

std::uint32_t clamp_difference(std::uint32_t a, std::uint32_t b) {
  return a > b ? a - b : 0;
}

struct PoolCounts {
  std::uint32_t idle, busy, connecting, draining, waiting, total, max;
};

PoolCounts pool_counts(const upstream::Shared& shared) {
  const std::uint32_t waiting = shared.parked.load();
  const std::uint32_t total = clamp_difference(shared.connections.load(), waiting);
  const std::uint32_t connecting = std::min(shared.connecting.load(), total);
  const std::uint32_t carriers =
      clamp_difference(shared.in_flight.load(), shared.in_flight_shared.load());
  const std::uint32_t busy = std::min(carriers, total - connecting);
  return {clamp_difference(total, connecting + busy),
          busy,
          connecting,
          shared.draining->load(),
          waiting,
          total,
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

constexpr std::array<std::string_view, 4> kSettings = {"drain", "weight", "breaker", "scale"};
constexpr std::array<std::string_view, 4> kPriorityWords = {"critical", "high", "normal", "low"};

/// By kSettings: what of it an operator has set.
std::array<bool, 4> overrides(const upstream::Hand& hand) {
  bool breaker = false;
  for (const auto& one : hand.breakers)
    breaker = breaker || one.load() != upstream::Hand::Breaker::kAuto;
  return {hand.drained.load(), hand.weight.load() != upstream::Hand::kAuto, breaker,
          hand.connections.load() != upstream::Hand::kAuto};
}

/// What is not set is not there.
std::string override_status(const upstream::Hand& hand) {
  std::string out;
  const auto next = [&out] { return std::string_view(out.empty() ? "" : ","); };
  if (hand.drained.load()) out += R"("drained":true)";
  if (const auto weight = hand.weight.load(); weight != upstream::Hand::kAuto)
    fmt::format_to(std::back_inserter(out), R"({}"weight":{})", next(), weight);
  if (const auto connections = hand.connections.load(); connections != upstream::Hand::kAuto)
    fmt::format_to(std::back_inserter(out), R"({}"connections":{})", next(), connections);
  std::string breakers;
  for (std::size_t i = 0; i < ethereum::kMethodClasses; ++i) {
    const auto state = hand.breaker(i);
    if (state == upstream::Hand::Breaker::kAuto) continue;
    fmt::format_to(std::back_inserter(breakers), R"({}"{}":"{}")", breakers.empty() ? "" : ",",
                   ethereum::word(static_cast<ethereum::MethodClass>(i)),
                   state == upstream::Hand::Breaker::kOpen ? "open" : "closed");
  }
  if (!breakers.empty())
    fmt::format_to(std::back_inserter(out), R"({}"breakers":{{{}}})", next(), breakers);
  return "{" + out + "}";
}

std::string rate_status(const Rate& rate) {
  return fmt::format(
      R"("rate":{{"attempts_per_s":{:.2f},"failures_per_s":{:.2f},"p50_ms":{:.3f},"p99_ms":{:.3f}}})",
      rate.attempts_per_s, rate.failures_per_s, rate.p50_s * 1e3, rate.p99_s * 1e3);
}

/// `{"state_read":{"samples":…,"p50_ms":…,"p99_ms":…,"hedge_after_ms":…},…}`
std::string figures_status(const std::vector<vitals::ClassFigures>& figures) {
  std::string out = "{";
  for (const auto& figure : figures) {
    fmt::format_to(
        std::back_inserter(out),
        R"({}"{}":{{"samples":{},"p50_ms":{:.3f},"p99_ms":{:.3f},"hedge_after_ms":{:.3f}}})",
        out.size() > 1 ? "," : "",
        ethereum::word(static_cast<ethereum::MethodClass>(figure.method_class)), figure.samples,
        seconds(figure.p50) * 1e3, seconds(figure.p99) * 1e3, seconds(figure.hedge_after) * 1e3);
  }
  return out + "}";
}

std::string limit_status(const limiter::Report& report) {
  return fmt::format(
      R"("concurrency_limit":{{"mode":"{}","limit":{},"inflation":{:.2f},"limiting":{}}})",
      word(report.mode), report.limit, report.inflation, report.limiting);
}

std::string upstream_status(const health::UpstreamReport& report, const proxy::UpstreamSpec* spec,
                            const Rate& rate, const std::vector<vitals::ClassFigures>& figures,
                            const limiter::Report& limit, const std::string& foresight,
                            std::string_view choice, TimePoint now) {
  const PoolCounts pool = pool_counts(*report.shared);
  const upstream::Options& options = report.shared->options();
  const auto ms_until = [now](std::int64_t until_ns) {
    return std::max<std::int64_t>((until_ns - now.time_since_epoch().count()) / 1'000'000, 0);
  };
  std::string out;
  fmt::format_to(
      std::back_inserter(out),
      R"({{"name":{},"url":"{}://{}:{}","state":"{}","reason":"{}","score":{:.3f},"score_parts":{{"errors":{:.3f},)"
      R"("latency":{:.3f},"freshness":{:.3f},"throttle":{:.3f}}},"head":{},"lag_blocks":{},"consecutive_failures":{},)"
      R"("response_time_ms":{:.3f},"throttled_ms":{},"unbatched_ms":{},"connections":{{"idle":{},"busy":{},"connecting":{},"draining":{},"waiting":{},"target":{},"max":{}}},{},"forecast":{},)"
      R"("tier":{},"weight":{},"in_flight":{},"override":{},{},"classes":{},"breakers":{},"ramp":{:.2f},"recoveries":{},"latest_outage_s":{:.1f},"choice":{}}})",
      json_text(report.name), options.tls ? "https" : "http", options.host, options.port,
      word(report.serving), word(report.reason), report.score.total(), report.score.errors,
      report.score.latency, report.score.freshness, report.score.throttle, report.head, report.lag,
      report.consecutive_failures, static_cast<double>(report.shared->latency_ns.load()) * 1e-6,
      ms_until(report.shared->throttled_until_ns.load()),
      ms_until(report.shared->unbatched_until_ns.load()), pool.idle, pool.busy, pool.connecting,
      pool.draining, pool.waiting, report.shared->target.load(), pool.max, limit_status(limit),
      foresight, spec != nullptr ? spec->tier : 1,
      report.shared->hand.weight_or(spec != nullptr ? spec->weight : 1),
      report.shared->in_flight.load(), override_status(report.shared->hand), rate_status(rate),
      figures_status(figures), breakers_status(*report.shared, now), report.ramp, report.recoveries,
      seconds(report.latest_outage), json_text(choice));
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
  if (found == in->upstreams.end()) return;
  found->rate->charge(now(), calls);
  if (!workers_.empty()) {
    // Each worker has a budget of its own: they take turns.
    probes_charged_ = (probes_charged_ + 1) % workers_.size();
    WorkerThread& turn = *workers_[probes_charged_];
    turn.post([&w = turn.worker(), shared = in->shared, calls] { w.charge_probe(*shared, calls); });
  }
  if (outcome == health::ProbeOutcome::kOk && !found->shared->in_rotation.load())
    warm_up(found->shared);
}

void Daemon::rotation_changed(const std::string& chain, const health::UpstreamTarget& upstream,
                              const policy::RotationChange& change) {
  tell_workers(upstream.shared, change.abandon);
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
  // A degraded one had its calls all the time.
  if (phase_ != Phase::kStarting && change.from == policy::Serving::kOut)
    registry_->control().recovered(registry_->upstream(registry_->chain(chain), upstream.name),
                                   change.out);
  events_->emit(fill(events::UpstreamIn{.out_s = seconds(change.out)}));
}

void Daemon::wrong_chain(const std::string& chain, const health::UpstreamTarget& upstream,
                         std::uint64_t expected, std::uint64_t actual) {
  events_->emit(events::WrongChain{
      .chain = chain, .upstream = upstream.name, .expected = expected, .actual = actual});
}

void Daemon::first_probed(const health::UpstreamTarget& upstream) {
  tell_workers(upstream.shared, false);
}

void Daemon::tell_workers(const std::shared_ptr<upstream::Shared>& shared, bool abandon) {
  for (const auto& worker : workers_) {
    worker->post(
        [&w = worker->worker(), shared, abandon] { w.standing_changed(*shared, abandon); });
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
      const auto set = overrides(upstream.shared->hand);
      for (std::size_t i = 0; i < kSettings.size(); ++i) {
        emitter.gauge(MetricId::kUpstreamOverride, {chain.name, upstream.name, kSettings[i]},
                      set[i] ? 1 : 0);
      }
      emitter.gauge(MetricId::kUpstreamHeadBlock, labels, static_cast<double>(upstream.head));
      emitter.gauge(MetricId::kUpstreamLagBlocks, labels, static_cast<double>(upstream.lag));
      emitter.gauge(MetricId::kUpstreamConsecutiveFailures, labels, upstream.consecutive_failures);
      collect_breakers(chain.name, upstream.name, *upstream.shared, emitter);
      const PoolCounts pool = pool_counts(*upstream.shared);
      const std::array<std::uint32_t, 4> counts = {pool.idle, pool.busy, pool.connecting,
                                                   pool.draining};
      for (std::size_t i = 0; i < counts.size(); ++i) {
        emitter.gauge(MetricId::kPoolConnections, {chain.name, upstream.name, kPoolStates[i]},
                      counts[i]);
      }
      emitter.gauge(MetricId::kPoolTargetConnections, labels, upstream.shared->target.load());
      emitter.gauge(MetricId::kPoolUtilization, labels,
                    pool.max == 0 ? 0 : static_cast<double>(pool.busy) / pool.max);
    }
  }
  collect_scaler(emitter);
  collect_limits(emitter);
  for (const auto& chain : snapshot_->chains) {
    for (std::size_t i = 0; i < kPriorityWords.size(); ++i) {
      emitter.gauge(
          MetricId::kQueueDepth, {chain.name, kPriorityWords[i]},
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
  collect_vitals(emitter);
  emitter.gauge(MetricId::kBuildInfo, {SLUICE_VERSION, SLUICE_REVISION, SLUICE_COMPILER}, 1);
}

std::string Daemon::chain_status(const health::ChainReport& report, TimePoint time) const {
  const auto chain = std::ranges::find(snapshot_->chains, report.name, &proxy::ChainSpec::name);
  std::string out = fmt::format(R"({{"name":{},"chain_id":{},"head":{})", json_text(report.name),
                                report.chain_id, report.head);
  Choices choices;
  if (chain != snapshot_->chains.end()) {
    choices = choices_of(*chain, time);
    fmt::format_to(std::back_inserter(out),
                   R"(,"strategy":"{}","choice":{},"in_flight":{},"queue":{{)", chain->strategy,
                   json_text(choices.rule), registry_->totals(chain->slot).in_flight);
    for (std::size_t i = 0; i < kPriorityWords.size(); ++i) {
      fmt::format_to(std::back_inserter(out), R"({}"{}":{})", i == 0 ? "" : ",", kPriorityWords[i],
                     chain->shared->queue.depth(static_cast<policy::Priority>(i)));
    }
    out += "}";
  }
  out += R"(,"upstreams":[)";
  for (std::size_t i = 0; i < report.upstreams.size(); ++i) {
    const proxy::UpstreamSpec* spec = nullptr;
    if (chain != snapshot_->chains.end() && i < chain->upstreams.size())
      spec = &chain->upstreams[i];
    if (i != 0) out += ",";
    out += upstream_status(
        report.upstreams[i], spec, spec != nullptr ? rates_.of(spec->slot) : Rate{},
        vitals_.figures(*report.upstreams[i].shared), limiter_.report(*report.upstreams[i].shared),
        foresight_status(*report.upstreams[i].shared),
        spec != nullptr ? choices.upstreams[i] : std::string(), time);
  }
  return out + "]}";
}

std::string Daemon::status() const {
  constexpr std::array<std::string_view, 5> kPhases = {"starting", "serving", "draining",
                                                       "draining", "stopping"};
  const TimePoint time = now();
  std::string out = fmt::format(
      R"({{"version":"{}","phase":"{}","uptime_s":{:.1f},"workers":{},"client_connections":{},"chains":[)",
      SLUICE_VERSION, kPhases[static_cast<std::size_t>(phase_)], seconds(time - started_),
      workers_.size(), registry_->client_connections());
  bool first = true;
  for (const auto& chain : monitor_->report()) {
    if (!std::exchange(first, false)) out += ",";
    out += chain_status(chain, time);
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
    for (const auto& upstream : chain.upstreams) {
      if (upstream.serving != policy::Serving::kOut && upstream.shared->hand.takes_calls()) ++in;
    }
    add("chain " + chain.name, in != 0,
        fmt::format("{} of {} upstreams in rotation", in, chain.upstreams.size()));
  }
  return readiness;
}

}  // namespace sluice::app
