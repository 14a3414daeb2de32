// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "policy/balance/balancer.hpp"

// What strategies share to put a pick into words.
namespace sluice::policy {

/// `words(candidate)` for each.
template <class Words>
[[nodiscard]] Explanation explain_each(std::string rule, std::span<const Candidate> candidates,
                                       Words words) {
  Explanation out{.rule = std::move(rule), .standings = {}};
  out.standings.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    std::string text = words(candidate);
    if (!has_room(candidate)) text += ", full";
    out.standings.push_back(std::move(text));
  }
  return out;
}

[[nodiscard]] inline std::string in_flight_words(const Candidate& candidate) {
  return fmt::format("{} in flight", candidate.in_flight);
}

/// Of those with room, or of all where none has: the least in flight.
[[nodiscard]] inline std::uint32_t fewest_in_flight(std::span<const Candidate> candidates) {
  const bool room = std::ranges::any_of(candidates, has_room);
  std::uint32_t fewest = ~0U;
  for (const Candidate& candidate : candidates) {
    if (!room || has_room(candidate)) fewest = std::min(fewest, candidate.in_flight);
  }
  return fewest;
}

/// "2 in flight, fewest".
[[nodiscard]] inline std::string load_words(const Candidate& candidate, std::uint32_t fewest) {
  return in_flight_words(candidate) + (candidate.in_flight == fewest ? ", fewest" : "");
}

/// "weight 2, 40 % of calls", by the weights of those with room.
[[nodiscard]] inline std::string share_words(const Candidate& candidate,
                                             std::span<const Candidate> candidates) {
  const bool room = std::ranges::any_of(candidates, has_room);
  const auto share = [room](const Candidate& one) {
    return (!room || has_room(one)) && one.weight > 0.0 ? std::min(one.weight, 1e9) : 0.0;
  };
  double total = 0.0;
  for (const Candidate& one : candidates) total += share(one);
  if (!(total > 0.0)) return fmt::format("weight {:g}", candidate.weight);
  return fmt::format("weight {:g}, {:.0f} % of calls", candidate.weight,
                     100.0 * share(candidate) / total);
}

}  // namespace sluice::policy
