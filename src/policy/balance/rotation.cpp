// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/rotation.hpp"

#include <algorithm>

namespace sluice::policy {

void Rotation::place(std::span<const Candidate> candidates, Random& random) noexcept {
  if (candidates.empty() || stamps_.empty()) return;
  const std::size_t first = candidates[random.below(candidates.size())].index % stamps_.size();
  for (std::size_t step = 0; step < stamps_.size(); ++step) {
    stamps_[(first + step) % stamps_.size()] = ++clock_;
  }
}

const Candidate* Rotation::longest_waiting(std::span<const Candidate> candidates) const noexcept {
  if (clock_ == 0) return nullptr;
  const bool room = std::ranges::any_of(candidates, has_room);
  const Candidate* longest = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!knows(candidate) || (room && !has_room(candidate))) continue;
    if (longest == nullptr || stamp(candidate) < stamp(*longest)) longest = &candidate;
  }
  return longest;
}

}  // namespace sluice::policy
