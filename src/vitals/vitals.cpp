// SPDX-License-Identifier: Apache-2.0
#include "vitals/vitals.hpp"

#include <algorithm>
#include <utility>

namespace sluice::vitals {

namespace {

/// The lower middle one; zero of none.
Duration median(std::vector<Duration>& values) {
  if (values.empty()) return Duration::zero();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void Vitals::watch(std::vector<ChainTarget> targets) {
  std::vector<Chain> before = std::exchange(chains_, {});
  for (ChainTarget& target : targets) {
    Chain chain{.target = std::move(target), .upstreams = {}, .watch = {}};
    const auto same_chain = std::ranges::find(before, chain.target.name,
                                              [](const Chain& each) { return each.target.name; });
    bool same_upstreams =
        same_chain != before.end() && same_chain->upstreams.size() == chain.target.upstreams.size();
    for (std::size_t i = 0; i < chain.target.upstreams.size(); ++i) {
      const UpstreamTarget& upstream = chain.target.upstreams[i];
      Watched next{.target = upstream, .board = &upstream.shared->classes(), .recent = {}};
      next.successes = upstream.shared->successes.load();
      next.failures = upstream.shared->failures.load();
      if (same_chain != before.end()) {
        const auto kept = std::ranges::find(same_chain->upstreams, next.board, &Watched::board);
        same_upstreams = same_upstreams &&
                         kept == same_chain->upstreams.begin() + static_cast<std::ptrdiff_t>(i);
        if (kept != same_chain->upstreams.end())
          take_over(next, *kept, same_chain->watch.has_value());
      }
      // Nobody else would take it back.
      if (chain.target.anomalies != Stance::kAct) upstream.shared->to_blame.store(false);
      chain.upstreams.push_back(std::move(next));
    }
    if (chain.target.anomalies != Stance::kOff) {
      if (same_upstreams) chain.watch = std::move(same_chain->watch);
      if (!chain.watch) chain.watch.emplace(chain.upstreams.size());
    }
    chains_.push_back(std::move(chain));
  }
}

/// `was_watched`: otherwise its counts were never looked at, and are of an unknown time.
void Vitals::take_over(Watched& next, Watched& kept, bool was_watched) {
  next.recent = std::move(kept.recent);
  next.window = std::move(kept.window);
  if (!was_watched || kept.target.shared != next.target.shared) return;
  // The running ten seconds go on.
  next.successes = kept.successes;
  next.failures = kept.failures;
  next.in_flight_max = kept.in_flight_max;
  next.partial = kept.partial;
}

void Vitals::tick(TimePoint now) {
  for (Chain& chain : chains_) {
    for (std::size_t k = 0; k < upstream::kMethodClassesMax; ++k) {
      for (Watched& watched : chain.upstreams) read(watched, k, now);
      set_hedge_times(chain, k);
    }
    for (Watched& watched : chain.upstreams) {
      const upstream::Shared& shared = *watched.target.shared;
      // Those of a batch have one connection among them.
      const std::uint32_t calls = shared.in_flight.load();
      const std::uint32_t sharing = std::min(shared.in_flight_shared.load(), calls);
      watched.in_flight_max = std::max(watched.in_flight_max, calls - sharing);
    }
  }
  if (looked_at_ == TimePoint{}) looked_at_ = now;
  if (now - looked_at_ < ChainWatch::kTick) return;
  looked_at_ = now;
  for (Chain& chain : chains_) {
    if (chain.watch) look(chain, now);
  }
}

Reading Vitals::reading(const Chain& chain, Watched& watched, TimePoint now) {
  policy::RecentLatency& window = *watched.window;
  window.forget();
  window.begin();
  for (std::size_t worker = 0; worker < watched.board->workers(); ++worker) {
    for (std::size_t k = 0; k < upstream::kMethodClassesMax; ++k) {
      if (const auto* histogram = watched.board->times(worker, k)) window.add(*histogram);
    }
  }
  window.end(now);
  const upstream::Shared& shared = *watched.target.shared;
  const std::uint64_t successes = shared.successes.load();
  const std::uint64_t failures = shared.failures.load();
  const auto grown = [](std::uint64_t& before, std::uint64_t after) {
    return static_cast<std::uint32_t>(after - std::exchange(before, after));
  };
  const std::uint32_t good = grown(watched.successes, successes);
  const std::uint32_t bad = grown(watched.failures, failures);
  return {.p50 = window.quantile(0.5),
          .p99 = window.quantile(0.99),
          .calls = good + bad,
          .failures = bad,
          .lag_blocks = shared.lag.load(),
          .in_flight_max = static_cast<double>(std::exchange(watched.in_flight_max, 0)),
          .in_flight_limit = static_cast<double>(shared.options().connections_max),
          .rate_limit_per_s = watched.target.rate_limit_per_s,
          .latency_objective = chain.target.latency_objective,
          .partial = std::exchange(watched.partial, false),
          .spared = !shared.in_rotation.load() || !shared.hand.takes_calls() ||
                    shared.to_blame.load() || shared.ramp.load() < 1.0};
}

void Vitals::look(Chain& chain, TimePoint now) {
  std::vector<Reading> readings;
  for (Watched& watched : chain.upstreams) readings.push_back(reading(chain, watched, now));
  ChainWatch& watch = *chain.watch;
  watch.tick(readings, now);
  const auto name = [&](std::uint32_t upstream) -> const std::string& {
    return chain.upstreams[upstream].target.name;
  };
  for (const auto& found : watch.found())
    observer_.anomaly(chain.target.name, name(found.upstream), found);
  for (const auto& ended : watch.ended())
    observer_.anomaly_over(chain.target.name, name(ended.upstream), ended);
  for (const auto& forecast : watch.forecasts())
    observer_.limit_foretold(chain.target.name, name(forecast.upstream), forecast);
  if (chain.target.anomalies != Stance::kAct) return;
  for (std::uint32_t i = 0; i < chain.upstreams.size(); ++i) {
    chain.upstreams[i].target.shared->to_blame.store(watch.to_blame(i), std::memory_order_relaxed);
  }
}

std::vector<Vitals::Finding> Vitals::findings(TimePoint now) const {
  std::vector<Finding> findings;
  for (const Chain& chain : chains_) {
    if (!chain.watch) continue;
    for (std::uint32_t i = 0; i < chain.upstreams.size(); ++i) {
      Finding finding{.chain = chain.target.name, .upstream = chain.upstreams[i].target.name};
      for (std::size_t k = 0; k < kSeries; ++k)
        finding.anomalies.at(k) = chain.watch->anomalies(i, static_cast<Series>(k));
      for (std::size_t k = 0; k < kLimits; ++k)
        finding.breach_in.at(k) = chain.watch->breach_in(i, static_cast<Limit>(k), now);
      findings.push_back(finding);
    }
  }
  return findings;
}

void Vitals::read(Watched& watched, std::size_t method_class, TimePoint now) {
  const upstream::ClassBoard& board = *watched.board;
  auto& recent = watched.recent.at(method_class);
  for (std::size_t worker = 0; recent == nullptr && worker < board.workers(); ++worker) {
    if (board.times(worker, method_class) != nullptr)
      recent = std::make_unique<policy::RecentLatency>();
  }
  if (recent == nullptr) return;
  recent->begin();
  for (std::size_t worker = 0; worker < board.workers(); ++worker) {
    if (const auto* histogram = board.times(worker, method_class)) recent->add(*histogram);
  }
  recent->end(now);
}

void Vitals::set_hedge_times(Chain& chain, std::size_t method_class) {
  const double share = policy::hedge_quantile(chain.target.hedge);
  for (const Watched& watched : chain.upstreams) {
    const auto& own = watched.recent.at(method_class);
    if (own == nullptr) continue;
    std::vector<Duration> peers;
    for (const Watched& other : chain.upstreams) {
      const auto& recent = other.recent.at(method_class);
      if (&other == &watched || recent == nullptr ||
          recent->samples() < chain.target.hedge.samples_min)
        continue;
      peers.push_back(recent->quantile(share));
    }
    const auto delay = policy::hedge_delay(chain.target.hedge, {.resend = policy::Resend::kFreely,
                                                                .own = own->quantile(share),
                                                                .samples = own->samples(),
                                                                .peers = median(peers)});
    watched.target.shared->usual_ns.at(method_class)
        .store(own->quantile(0.5).count(), std::memory_order_relaxed);
    watched.target.shared->hedge_after_ns.at(method_class)
        .store(delay.value_or(Duration::zero()).count(), std::memory_order_relaxed);
  }
}

std::vector<ClassFigures> Vitals::figures(const upstream::Shared& shared) const {
  std::vector<ClassFigures> figures;
  for (const Chain& chain : chains_) {
    const auto found = std::ranges::find_if(chain.upstreams, [&](const Watched& watched) {
      return watched.target.shared.get() == &shared;
    });
    if (found == chain.upstreams.end()) continue;
    for (std::size_t k = 0; k < upstream::kMethodClassesMax; ++k) {
      const auto& recent = found->recent.at(k);
      if (recent == nullptr || recent->samples() == 0) continue;
      figures.push_back({.method_class = k,
                         .samples = recent->samples(),
                         .p50 = recent->quantile(0.5),
                         .p99 = recent->quantile(0.99),
                         .hedge_after = shared.hedge_after(k)});
    }
  }
  return figures;
}

}  // namespace sluice::vitals
