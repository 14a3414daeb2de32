// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/balancer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "policy/balance/strategies.hpp"

namespace sluice::policy {
namespace {

using Make = std::unique_ptr<Balancer> (*)(std::size_t);

constexpr std::array kNames{
    std::string_view{"round-robin"}, std::string_view{"least-connections"},
    std::string_view{"weighted"},    std::string_view{"latency-based"},
    std::string_view{"random"},      std::string_view{"p2c"},
    std::string_view{"peak-ewma"},   std::string_view{"affinity"},
    std::string_view{"adaptive"},    std::string_view{"learned"},
};
constexpr std::array<Make, kNames.size()> kMakers{
    make_round_robin, make_least_connections, make_weighted, make_latency_based, make_random,
    make_p2c,         make_peak_ewma,         make_affinity, make_adaptive,      make_learned,
};

}  // namespace

Ticket Balancer::started(std::uint32_t /*index*/, UpstreamStats* /*stats*/,
                         const PickContext& /*context*/) noexcept {
  return {};
}

void Balancer::finished(const Ticket& /*ticket*/, Ended /*ended*/, TimePoint /*now*/,
                        Duration /*took*/) noexcept {}

AffinityOutcome Balancer::affinity() const noexcept {
  return AffinityOutcome::kNone;
}

std::unique_ptr<Balancer> make_balancer(std::string_view strategy, std::size_t upstreams_max) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), strategy);
  if (found == kNames.end()) return nullptr;
  return kMakers[static_cast<std::size_t>(found - kNames.begin())](upstreams_max);
}

bool uses_weights(std::string_view strategy) noexcept {
  constexpr std::array<std::string_view, 5> kWeighing{"weighted", "random", "affinity", "adaptive",
                                                      "learned"};
  return std::find(kWeighing.begin(), kWeighing.end(), strategy) != kWeighing.end();
}

std::span<Candidate> select_tier(std::span<Candidate> candidates) noexcept {
  if (candidates.empty()) return candidates;
  std::uint32_t lowest = candidates.front().tier;
  for (const Candidate& candidate : candidates) lowest = std::min(lowest, candidate.tier);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].tier != lowest) continue;
    if (i != kept) std::swap(candidates[i], candidates[kept]);
    ++kept;
  }
  return candidates.first(kept);
}

}  // namespace sluice::policy
