// SPDX-License-Identifier: Apache-2.0
// The connections to upstreams: what the scaler plans goes to the workers that hold them.
#include <algorithm>

#include <fmt/format.h>

#include "app/daemon.hpp"
#include "events/event.hpp"

namespace sluice::app {

void Daemon::steer(const std::shared_ptr<upstream::Shared>& shared, std::size_t worker,
                   std::uint32_t target, bool early) {
  workers_[worker]->post([&w = workers_[worker]->worker(), shared, target, early] {
    w.steer(*shared, target, early);
  });
}

void Daemon::scaled(const scaler::Target& target, const scaler::Change& change) {
  const std::uint32_t max = target.shared->options().connections_max;
  events_->emit(events::PoolScaled{.chain = target.chain,
                                   .upstream = target.upstream,
                                   .direction = change.to > change.from ? "up" : "down",
                                   .from = change.from,
                                   .to = change.to,
                                   .reason = policy::word(change.reason),
                                   .utilization = max == 0 ? 0 : change.load / max});
}

std::optional<std::uint32_t> Daemon::forced(const scaler::Target& target) {
  const std::uint32_t set = target.shared->hand.connections.load();
  if (set == upstream::Hand::kAuto) return std::nullopt;
  return set;
}

/// Each call may go to any upstream that gets calls; they are counted to these evenly.
double Daemon::queued(const scaler::Target& target) {
  const auto chain = std::ranges::find(snapshot_->chains, target.chain, &proxy::ChainSpec::name);
  if (chain == snapshot_->chains.end()) return 0;
  const std::uint32_t waiting = chain->shared->queue.size();
  const auto takes = [](const upstream::Shared& shared) {
    return shared.in_rotation.load() && shared.hand.takes_calls();
  };
  if (waiting == 0 || !takes(*target.shared)) return 0;
  const auto takers = std::ranges::count_if(
      chain->upstreams, [&](const auto& upstream) { return takes(*upstream.shared); });
  return static_cast<double>(waiting) / static_cast<double>(std::max<std::ptrdiff_t>(takers, 1));
}

void Daemon::warm_up(const std::shared_ptr<upstream::Shared>& shared) {
  if (shared->options().warm_up == 0) return;
  scaler_->warmed_up(*shared);
  for (const auto& worker : workers_) {
    worker->post([&w = worker->worker(), shared] { w.warm_up(*shared); });
  }
}

void Daemon::warmed_up(const std::string& chain, const health::UpstreamTarget& upstream, bool well,
                       std::uint32_t connections, Duration took) {
  events_->emit(events::WarmedUp{.chain = chain,
                                 .upstream = upstream.name,
                                 .outcome = well ? "ok" : "failed",
                                 .connections = connections,
                                 .took_s = seconds(took)});
}

bool Daemon::all_warm() const {
  for (const auto& chain : snapshot_->chains) {
    for (const auto& upstream : chain.upstreams) {
      const upstream::Shared& shared = *upstream.shared;
      const std::uint32_t wanted =
          std::min(shared.options().warm_up, shared.options().connections_max);
      // One that refuses some is not waited for.
      if (!shared.in_rotation.load() || shared.connect_failures.load() != 0) continue;
      const std::uint32_t unready = shared.parked.load() + shared.connecting.load();
      // No client's call is under way yet: what is under way tries a connection.
      if (shared.connections.load() < wanted + unready || shared.in_flight.load() != 0)
        return false;
    }
  }
  return true;
}

void Daemon::collect_scaler(metrics::Emitter& emitter) const {
  for (const scaler::Report& report : scaler_->report()) {
    if (const auto& foresight = report.foresight) {
      const auto labels = {std::string_view(report.chain), std::string_view(report.upstream)};
      if (foresight->connections)
        emitter.gauge(metrics::MetricId::kPoolForecast, labels, *foresight->connections);
      emitter.gauge(metrics::MetricId::kPoolForecastSkill, labels, foresight->skill);
    }
    for (std::size_t i = 1; i < report.grown.size(); ++i) {
      const std::string_view reason = policy::word(static_cast<policy::ScaleReason>(i));
      if (report.grown[i] != 0) {
        emitter.counter(metrics::MetricId::kScalerEvents,
                        {report.chain, report.upstream, "up", reason},
                        static_cast<double>(report.grown[i]));
      }
      if (report.shrunk[i] != 0) {
        emitter.counter(metrics::MetricId::kScalerEvents,
                        {report.chain, report.upstream, "down", reason},
                        static_cast<double>(report.shrunk[i]));
      }
    }
  }
}

/// `{"connections":…,"target":…,"skill":…,"horizon_s":…}`, or `null` where prediction is off.
std::string Daemon::foresight_status(const upstream::Shared& shared) const {
  const auto foresight = scaler_->foresight(shared);
  if (!foresight) return "null";
  const std::string connections =
      foresight->connections ? fmt::format("{:.1f}", *foresight->connections) : "null";
  return fmt::format(R"({{"connections":{},"target":{},"skill":{:.3f},"horizon_s":{:.3f}}})",
                     connections, foresight->target, foresight->skill, seconds(foresight->horizon));
}

}  // namespace sluice::app
