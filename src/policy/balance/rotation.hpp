// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/balance/balancer.hpp"

namespace sluice::policy {

/// Who was picked longest ago, by upstream. With a fixed set of candidates this is round robin;
/// where the set changes from pick to pick, the one that waited longest still comes first, while
/// "the next index" could pass somebody over for ever. The starting place is random, so that
/// workers which start together do not all begin with one upstream. Part of a strategy; same
/// thread, same life.
class Rotation {
 public:
  explicit Rotation(std::size_t upstreams_max) : stamps_(upstreams_max, 0) {}

  /// Call before every pick; does something only once, when the first candidates are seen.
  void start(std::span<const Candidate> candidates, Random& random) noexcept {
    if (clock_ == 0) place(candidates, random);
  }
  [[nodiscard]] bool knows(const Candidate& candidate) const noexcept {
    return candidate.index < stamps_.size();
  }
  /// Smaller is longer ago. Of a known candidate.
  [[nodiscard]] std::uint64_t stamp(const Candidate& candidate) const noexcept {
    return stamps_[candidate.index];
  }
  /// Whose turn it is among those with room; null before the first pick.
  [[nodiscard]] const Candidate* longest_waiting(
      std::span<const Candidate> candidates) const noexcept;
  void picked(const Candidate& candidate) noexcept { stamps_[candidate.index] = ++clock_; }

 private:
  void place(std::span<const Candidate> candidates, Random& random) noexcept;

  std::vector<std::uint64_t> stamps_;
  std::uint64_t clock_ = 0;
};

/// The candidate that is least by `less` among those for which `wanted` holds, the longest waiting
/// among equals; marks it as picked. Nothing when no known candidate is wanted.
template <class Wanted, class Less>
[[nodiscard]] std::optional<std::uint32_t> pick_least(std::span<const Candidate> candidates,
                                                      Rotation& rotation, Wanted wanted,
                                                      Less less) noexcept {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!rotation.knows(candidate) || !wanted(candidate)) continue;
    if (best == nullptr || less(candidate, *best) ||
        (!less(*best, candidate) && rotation.stamp(candidate) < rotation.stamp(*best))) {
      best = &candidate;
    }
  }
  if (best == nullptr) return std::nullopt;
  rotation.picked(*best);
  return static_cast<std::uint32_t>(best - candidates.data());
}

/// The same over those with room, or over all when none has.
template <class Less>
[[nodiscard]] std::optional<std::uint32_t> pick_least(std::span<const Candidate> candidates,
                                                      Rotation& rotation, Less less) noexcept {
  const auto position = pick_least(candidates, rotation, has_room, less);
  if (position) return position;
  return pick_least(candidates, rotation, [](const Candidate&) { return true; }, less);
}

[[nodiscard]] inline bool fewer_in_flight(const Candidate& a, const Candidate& b) noexcept {
  return a.in_flight < b.in_flight;
}

/// For turns: nobody is less than anybody.
[[nodiscard]] inline bool all_equal(const Candidate&, const Candidate&) noexcept {
  return false;
}

}  // namespace sluice::policy
