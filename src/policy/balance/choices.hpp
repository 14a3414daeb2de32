// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "policy/balance/balancer.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {

/// The positions among which a strategy draws: the candidates with room, all of them when none has.
class Drawn {
 public:
  Drawn(std::span<const Candidate> candidates, std::size_t upstreams_max) noexcept {
    collect(candidates, upstreams_max, true);
    if (count_ == 0) collect(candidates, upstreams_max, false);
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const noexcept { return positions_[i]; }

  /// The better of two different ones drawn at random; of a single one that. Not of none.
  template <class Less>
  [[nodiscard]] std::uint32_t better_of_two(Random& random, Less less) const noexcept {
    if (count_ == 1) return positions_[0];
    const auto first = random.below(count_);
    auto second = random.below(count_ - 1);
    if (second >= first) ++second;
    return less(positions_[second], positions_[first]) ? positions_[second] : positions_[first];
  }

 private:
  void collect(std::span<const Candidate> candidates, std::size_t upstreams_max,
               bool room) noexcept {
    for (std::uint32_t i = 0; i < candidates.size() && count_ < kUpstreamsMax; ++i) {
      const Candidate& candidate = candidates[i];
      if (candidate.index < upstreams_max && (!room || has_room(candidate)))
        positions_[count_++] = static_cast<std::uint8_t>(i);
    }
  }

  std::array<std::uint8_t, kUpstreamsMax> positions_;
  std::size_t count_ = 0;
};

}  // namespace sluice::policy
