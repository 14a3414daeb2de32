// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/rotation.hpp"

namespace sluice::policy {

void Rotation::place(std::span<const Candidate> candidates, Random& random) noexcept {
  if (candidates.empty() || stamps_.empty()) return;
  const std::size_t first = candidates[random.below(candidates.size())].index % stamps_.size();
  for (std::size_t step = 0; step < stamps_.size(); ++step) {
    stamps_[(first + step) % stamps_.size()] = ++clock_;
  }
}

}  // namespace sluice::policy
