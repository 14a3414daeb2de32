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
    std::string_view{"round-robin"},
    std::string_view{"least-connections"},
    std::string_view{"weighted"},
    std::string_view{"latency-based"},
};
constexpr std::array<Make, kNames.size()> kMakers{
    make_round_robin,
    make_least_connections,
    make_weighted,
    make_latency_based,
};

}  // namespace

void Balancer::observe(std::uint32_t /*index*/, Duration /*latency*/, bool /*ok*/) noexcept {}

std::unique_ptr<Balancer> make_balancer(std::string_view strategy, std::size_t upstreams_max) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), strategy);
  if (found == kNames.end()) return nullptr;
  return kMakers[static_cast<std::size_t>(found - kNames.begin())](upstreams_max);
}

std::span<const std::string_view> balancer_names() noexcept {
  return kNames;
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
