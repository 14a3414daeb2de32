// SPDX-License-Identifier: Apache-2.0
#include "app/choices.hpp"

#include <fmt/format.h>

#include "ethereum/method.hpp"
#include "policy/balance/balancer.hpp"
#include "proxy/fitness.hpp"

namespace sluice::app {

namespace {

/// Of the latest answer that a strategy learned from; the reads of state where none did.
std::size_t latest_class(const proxy::ChainSpec& chain) {
  auto latest = static_cast<std::size_t>(ethereum::MethodClass::kStateRead);
  std::int64_t seen_ns = 0;
  for (const auto& upstream : chain.upstreams) {
    const policy::UpstreamStats& stats = upstream.shared->stats();
    for (std::size_t k = 0; k < ethereum::kMethodClasses; ++k) {
      const std::int64_t its =
          stats.classes[policy::stat_class(static_cast<std::uint32_t>(k))].seen_ns.load(
              std::memory_order_relaxed);
      if (its <= seen_ns) continue;
      seen_ns = its;
      latest = k;
    }
  }
  return latest;
}

}  // namespace

Choices choices_of(const proxy::ChainSpec& chain, TimePoint now) {
  const std::size_t klass = latest_class(chain);
  const std::uint64_t head = chain.shared->head.load(std::memory_order_relaxed);
  Choices out;
  out.upstreams.resize(chain.upstreams.size());
  std::vector<policy::Candidate> candidates;
  for (std::uint32_t i = 0; i < chain.upstreams.size(); ++i) {
    const proxy::Obstacle bar =
        proxy::obstacle(chain.upstreams[i], klass, {}, head, now, proxy::Fit::kBest);
    if (bar == proxy::Obstacle::kNone) {
      candidates.push_back(proxy::candidate_of(chain.upstreams[i], i));
    } else {
      out.upstreams[i] = word(bar);
    }
  }
  for (const auto& candidate : candidates)
    out.upstreams[candidate.index] = fmt::format("tier {}", candidate.tier);
  const auto tier = policy::select_tier(candidates);
  // One of its own: those of the workers are theirs.
  const auto balancer = policy::make_balancer(chain.strategy, chain.upstreams.size());
  policy::Explanation explained =
      balancer->explain(tier, {.now = now, .method_class = static_cast<std::uint32_t>(klass)});
  out.rule = fmt::format("{}, for a call of class {}", explained.rule,
                         ethereum::word(static_cast<ethereum::MethodClass>(klass)));
  for (std::size_t i = 0; i < tier.size(); ++i)
    out.upstreams[tier[i].index] = std::move(explained.standings[i]);
  return out;
}

}  // namespace sluice::app
