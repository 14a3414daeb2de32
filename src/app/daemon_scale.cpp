// SPDX-License-Identifier: Apache-2.0
// The connections to upstreams: what the scaler plans goes to the workers that hold them.
#include "app/daemon.hpp"
#include "events/event.hpp"

namespace sluice::app {

void Daemon::steer(const std::shared_ptr<upstream::Shared>& shared, std::size_t worker,
                   std::uint32_t target) {
  workers_[worker]->post(
      [&w = workers_[worker]->worker(), shared, target] { w.steer(*shared, target); });
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

void Daemon::warm_up(const std::shared_ptr<upstream::Shared>& shared) {
  if (shared->options().warm_up == 0) return;
  scaler_->warmed_up(*shared);
  for (const auto& worker : workers_) {
    worker->post([&w = worker->worker(), shared] { w.warm_up(*shared); });
  }
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

}  // namespace sluice::app
