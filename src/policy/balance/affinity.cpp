// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "policy/balance/explain.hpp"
#include "policy/balance/rotation.hpp"
#include "policy/balance/strategies.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {
namespace {

/// Calls in flight that an upstream may have, by its share of all.
constexpr double kLoadBound = 1.25;

/// The halves of one wide product, folded (as in wyhash): the key is scattered already.
std::uint64_t mixed(std::uint64_t key, std::uint64_t index) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{key ^ 0xa0761d6478bd642fULL} *
                       Wide{(index + 1) * 0x9e3779b97f4a7c15ULL ^ 0xe7037ed1a0b428dbULL};
  return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
}

/// -log2 of a number uniform in (0, 1), so exponentially distributed: within 0.002 of the true
/// figure and the same on every machine.
float exponential_of(std::uint64_t hash) noexcept {
  const float number = static_cast<float>(hash >> 41) + 0.5F;
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const auto exponent = static_cast<float>(static_cast<int>(bits >> 23) - 127);
  const float m = std::bit_cast<float>((bits & 0x7fffffU) | 0x3f800000U) - 1.0F;
  // Of log2 on [1, 2), exact at both ends.
  const float log2 = m * (1.420865F + m * (-0.577251F + m * 0.156386F));
  return 23.0F - exponent - log2;
}

/// Four at a time, as each comparison waits for the one before.
float least(std::span<const float> values) noexcept {
  std::array<float, 4> lane{HUGE_VALF, HUGE_VALF, HUGE_VALF, HUGE_VALF};
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4) {
    for (std::size_t k = 0; k < 4; ++k) lane[k] = std::min(lane[k], values[i + k]);
  }
  for (; i < values.size(); ++i) lane[0] = std::min(lane[0], values[i]);
  return std::min(std::min(lane[0], lane[1]), std::min(lane[2], lane[3]));
}

class Affinity final : public Balancer {
 public:
  explicit Affinity(std::size_t upstreams_max)
      : rotation_(upstreams_max), known_(std::min(upstreams_max, kUpstreamsMax)) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates,
                                    const PickContext& context, Random& random) noexcept override {
    outcome_ = AffinityOutcome::kNone;
    rotation_.start(candidates, random);
    if (context.affinity_hash == 0) return pick_least(candidates, rotation_, fewer_in_flight);
    note(candidates);
    const auto position = nearest(candidates, context.affinity_hash);
    if (!position) return pick_least(candidates, rotation_, fewer_in_flight);
    rotation_.picked(candidates[*position]);
    return position;
  }
  AffinityOutcome affinity() const noexcept override { return outcome_; }
  std::string_view name() const noexcept override { return "affinity"; }
  Explanation explain(std::span<const Candidate> candidates,
                      const PickContext& context) const override;

 private:
  /// All that were ever candidates, for where a key belongs while its upstream is not one.
  void note(std::span<const Candidate> candidates) noexcept {
    UpstreamSet present = 0;
    std::uint64_t calls = 1;
    bool same = true;
    for (const Candidate& candidate : candidates) {
      if (candidate.index >= known_.size()) continue;
      present |= bit_of(candidate.index);
      calls += candidate.in_flight;
      same = same && known_[candidate.index].weight == candidate.weight;
    }
    total_calls_ = static_cast<double>(calls);
    if (same && present == present_) return;
    present_ = present;
    seen_ |= present;
    weigh(candidates);
  }

  void weigh(std::span<const Candidate> candidates) noexcept {
    total_weight_ = 0.0;
    for (const Candidate& candidate : candidates) {
      if (candidate.index >= known_.size()) continue;
      Known& known = known_[candidate.index];
      known.weight = candidate.weight;
      known.share = candidate.weight > 0.0 ? std::min(candidate.weight, 1e9) : 0.0;
      known.inverse = known.share > 0.0 ? static_cast<float>(1.0 / known.share) : HUGE_VALF;
      total_weight_ += known.share;
    }
  }

  [[nodiscard]] float distance(std::uint64_t key, std::size_t index) const noexcept {
    return exponential_of(mixed(key, index)) * known_[index].inverse;
  }

  /// The nearest that has room and is not over its share; failing that the nearest with room.
  std::optional<std::uint32_t> nearest(std::span<const Candidate> candidates,
                                       std::uint64_t key) noexcept {
    std::array<float, kUpstreamsMax> distances;
    const std::size_t count = std::min(candidates.size(), kUpstreamsMax);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = candidates[i].index;
      distances[i] = index < known_.size() ? distance(key, index) : HUGE_VALF;
    }
    const std::span<float> all(distances.data(), count);
    const float home = least(all);
    std::optional<std::uint32_t> with_room;
    // Nearly always the first is taken; a further round is for one that has too much.
    for (float its = home; !std::isinf(its); its = least(all)) {
      const auto at = static_cast<std::uint32_t>(std::ranges::find(all, its) - all.begin());
      distances[at] = HUGE_VALF;
      if (!has_room(candidates[at])) continue;
      if (!with_room) with_room = at;
      if (within_bound(candidates[at])) return tell(at, its, home, key);
    }
    if (!with_room) return std::nullopt;
    return tell(*with_room, distance(key, candidates[*with_room].index), home, key);
  }

  std::uint32_t tell(std::uint32_t at, float its, float home, std::uint64_t key) noexcept {
    outcome_ = its > home                    ? AffinityOutcome::kSpilled
               : absent_is_nearer(key, home) ? AffinityOutcome::kMoved
                                             : AffinityOutcome::kKept;
    return at;
  }

  [[nodiscard]] bool within_bound(const Candidate& candidate) const noexcept {
    const double share = known_[candidate.index].share / total_weight_;
    return candidate.in_flight < kLoadBound * total_calls_ * share;
  }

  [[nodiscard]] bool absent_is_nearer(std::uint64_t key, float home) const noexcept {
    for (UpstreamSet left = seen_ & ~present_; left != 0; left &= left - 1) {
      if (distance(key, static_cast<std::size_t>(std::countr_zero(left))) < home) return true;
    }
    return false;
  }

  struct Known {
    double weight = -1.0;
    double share = 0.0;
    float inverse = HUGE_VALF;
  };
  Rotation rotation_;
  std::vector<Known> known_;
  UpstreamSet seen_ = 0;
  UpstreamSet present_ = 0;
  double total_weight_ = 0.0;
  double total_calls_ = 0.0;
  AffinityOutcome outcome_ = AffinityOutcome::kNone;
};

/// From the candidates alone, as nearest() would have it: what this object has noted may be of
/// others.
Explanation Affinity::explain(std::span<const Candidate> candidates,
                              const PickContext& context) const {
  const std::uint32_t fewest = fewest_in_flight(candidates);
  if (context.affinity_hash == 0) {
    return explain_each("a call without a key: fewest in flight", candidates,
                        [fewest](const Candidate& one) { return load_words(one, fewest); });
  }
  const auto weight = [](const Candidate& one) {
    return one.weight > 0.0 ? std::min(one.weight, 1e9) : 0.0;
  };
  const auto distance_of = [&](const Candidate& one) {
    if (weight(one) <= 0.0) return HUGE_VALF;
    return exponential_of(mixed(context.affinity_hash, one.index)) *
           static_cast<float>(1.0 / weight(one));
  };
  double weights = 0.0;
  double calls = 1.0;
  for (const Candidate& one : candidates) {
    weights += weight(one);
    calls += one.in_flight;
  }
  return explain_each("the upstream of the call's key, while it has at most 1.25 of its share",
                      candidates, [&](const Candidate& candidate) {
                        const float its = distance_of(candidate);
                        const auto place = 1 + std::ranges::count_if(candidates, [&](auto& other) {
                                             return distance_of(other) < its;
                                           });
                        const double most = kLoadBound * calls * weight(candidate) / weights;
                        return fmt::format("number {} for the key, {} in flight{}", place,
                                           candidate.in_flight,
                                           candidate.in_flight < most ? "" : ", over its share");
                      });
}

}  // namespace

std::unique_ptr<Balancer> make_affinity(std::size_t upstreams_max) {
  return std::make_unique<Affinity>(upstreams_max);
}

}  // namespace sluice::policy
