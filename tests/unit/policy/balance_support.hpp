// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy::test {

inline constexpr std::array<std::string_view, 10> kStrategies{
    "round-robin", "least-connections", "weighted", "latency-based", "random",
    "p2c",         "peak-ewma",         "affinity", "adaptive",      "learned"};

inline std::vector<Candidate> equal(std::uint32_t n) {
  std::vector<Candidate> candidates(n);
  for (std::uint32_t i = 0; i < n; ++i) candidates[i].index = i;
  return candidates;
}

inline std::vector<Candidate> weighted(const std::vector<double>& weights) {
  std::vector<Candidate> candidates = equal(static_cast<std::uint32_t>(weights.size()));
  std::size_t i = 0;
  for (const double weight : weights) candidates[i++].weight = weight;
  return candidates;
}

/// The indices of `picks` picks over an unchanging set.
inline std::vector<std::uint32_t> run(Balancer& balancer, const std::vector<Candidate>& candidates,
                                      std::size_t picks, Random& random, TimePoint now = at(0s)) {
  std::vector<std::uint32_t> indices;
  for (std::size_t i = 0; i < picks; ++i) {
    const auto position = balancer.pick(candidates, {.now = now}, random);
    REQUIRE(position);
    REQUIRE(*position < candidates.size());
    indices.push_back(candidates[*position].index);
  }
  return indices;
}

inline std::map<std::uint32_t, int> tally(const std::vector<std::uint32_t>& indices) {
  std::map<std::uint32_t, int> counts;
  for (const auto index : indices) ++counts[index];
  return counts;
}

}  // namespace sluice::policy::test
