// SPDX-License-Identifier: Apache-2.0
// How many calls an upstream may have in flight: what the limiter finds, for workers, metrics and
// events.
#include "app/daemon.hpp"
#include "events/event.hpp"

namespace sluice::app {

void Daemon::look_at_limits() {
  const TimePoint time = now();
  limiter_.tick(time);
  limits_look_.set(time + limiter::Limiter::kLook);
}

void Daemon::limit_changed(const std::shared_ptr<upstream::Shared>& shared) {
  for (const auto& worker : workers_)
    worker->post([&w = worker->worker(), shared] { w.limit_changed(*shared); });
}

void Daemon::limiting(const limiter::Target& target, const limiter::Episode& episode) {
  if (episode.begun) {
    events_->emit(events::Limiting{.chain = target.chain,
                                   .upstream = target.upstream,
                                   .limit = episode.limit,
                                   .inflation = episode.inflation});
  } else {
    events_->emit(events::LimitingOver{.chain = target.chain,
                                       .upstream = target.upstream,
                                       .limit = episode.limit,
                                       .lasted_s = seconds(episode.lasted)});
  }
}

void Daemon::collect_limits(metrics::Emitter& emitter) const {
  using metrics::MetricId;
  for (const auto& chain : snapshot_->chains) {
    for (const auto& upstream : chain.upstreams) {
      const limiter::Report report = limiter_.report(*upstream.shared);
      if (report.mode == Stance::kOff) continue;
      const auto labels = {std::string_view(chain.name), std::string_view(upstream.name)};
      emitter.gauge(MetricId::kUpstreamConcurrencyLimit, labels, report.limit);
      emitter.gauge(MetricId::kUpstreamConcurrencyInflation, labels, report.inflation);
      emitter.gauge(MetricId::kUpstreamLimiting, labels, report.limiting ? 1 : 0);
    }
  }
}

}  // namespace sluice::app
