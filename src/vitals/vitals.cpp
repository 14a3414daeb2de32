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
  std::vector<Watched> kept;
  for (Chain& chain : chains_) {
    for (Watched& watched : chain.upstreams) kept.push_back(std::move(watched));
  }
  chains_.clear();
  for (ChainTarget& target : targets) {
    Chain& chain = chains_.emplace_back(Chain{.hedge = target.hedge, .upstreams = {}});
    for (auto& shared : target.upstreams) {
      Watched next{.shared = shared, .board = shared->latencies(), .recent = {}};
      const auto before = std::ranges::find(kept, next.board, &Watched::board);
      if (before != kept.end()) next.recent = std::move(before->recent);
      chain.upstreams.push_back(std::move(next));
    }
  }
}

void Vitals::tick(TimePoint now) {
  for (Chain& chain : chains_) {
    for (std::size_t k = 0; k < upstream::kMethodClassesMax; ++k) {
      for (Watched& watched : chain.upstreams) read(watched, k, now);
      set_hedge_times(chain, k);
    }
  }
}

void Vitals::read(Watched& watched, std::size_t method_class, TimePoint now) {
  const upstream::LatencyBoard& board = *watched.board;
  auto& recent = watched.recent.at(method_class);
  for (std::size_t worker = 0; recent == nullptr && worker < board.workers(); ++worker) {
    if (board.find(worker, method_class) != nullptr)
      recent = std::make_unique<policy::RecentLatency>();
  }
  if (recent == nullptr) return;
  recent->begin();
  for (std::size_t worker = 0; worker < board.workers(); ++worker) {
    if (const auto* histogram = board.find(worker, method_class)) recent->add(*histogram);
  }
  recent->end(now);
}

void Vitals::set_hedge_times(Chain& chain, std::size_t method_class) {
  const double share = policy::hedge_quantile(chain.hedge);
  for (const Watched& watched : chain.upstreams) {
    const auto& own = watched.recent.at(method_class);
    if (own == nullptr) continue;
    std::vector<Duration> peers;
    for (const Watched& other : chain.upstreams) {
      const auto& recent = other.recent.at(method_class);
      if (&other == &watched || recent == nullptr || recent->samples() < chain.hedge.samples_min)
        continue;
      peers.push_back(recent->quantile(share));
    }
    const auto delay = policy::hedge_delay(chain.hedge, {.resend = policy::Resend::kFreely,
                                                         .own = own->quantile(share),
                                                         .samples = own->samples(),
                                                         .peers = median(peers)});
    watched.shared->usual_ns.at(method_class)
        .store(own->quantile(0.5).count(), std::memory_order_relaxed);
    watched.shared->hedge_after_ns.at(method_class)
        .store(delay.value_or(Duration::zero()).count(), std::memory_order_relaxed);
  }
}

std::vector<ClassFigures> Vitals::figures(const upstream::Shared& shared) const {
  std::vector<ClassFigures> figures;
  for (const Chain& chain : chains_) {
    const auto found = std::ranges::find_if(
        chain.upstreams, [&](const Watched& watched) { return watched.shared.get() == &shared; });
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
