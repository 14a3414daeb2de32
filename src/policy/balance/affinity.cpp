// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "policy/balance/rotation.hpp"
#include "policy/balance/strategies.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {
namespace {

/// Calls in flight that an upstream may have, by its share of all.
constexpr double kLoadBound = 1.25;

std::uint64_t mixed(std::uint64_t key, std::uint64_t index) noexcept {
  std::uint64_t z = key ^ ((index + 1) * 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// -log2 of a number uniform in (0, 1), so exponentially distributed: within 0.0001 of the true
/// figure, rises with falling hash, and the same on every machine.
double exponential_of(std::uint64_t hash) noexcept {
  const std::uint64_t word = hash | 1;
  const int zeros = std::countl_zero(word);
  const double mantissa = static_cast<double>((word << zeros) >> 11) * 0x1p-52;  // [1, 2)
  // Of log2 on [1, 2), exact at both ends.
  const double m = mantissa - 1.0;
  const double log2 =
      m * (1.441740 + m * (-0.707770 + m * (0.412344 + m * (-0.190319 + m * 0.044005))));
  return static_cast<double>(zeros + 1) - log2;
}

class Affinity final : public Balancer {
 public:
  explicit Affinity(std::size_t upstreams_max)
      : rotation_(upstreams_max), weights_(std::min(upstreams_max, kUpstreamsMax), 0.0) {}

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

 private:
  /// All that were ever candidates, for where a key belongs while its upstream is not one.
  void note(std::span<const Candidate> candidates) noexcept {
    present_ = 0;
    total_weight_ = 0.0;
    total_calls_ = 1.0;
    for (const Candidate& candidate : candidates) {
      if (candidate.index >= weights_.size()) continue;
      const double weight = candidate.weight > 0.0 ? std::min(candidate.weight, 1e9) : 0.0;
      weights_[candidate.index] = weight;
      seen_ |= bit_of(candidate.index);
      present_ |= bit_of(candidate.index);
      total_weight_ += weight;
      total_calls_ += candidate.in_flight;
    }
  }

  /// The nearest that has room and is not over its share; failing that the nearest with room.
  std::optional<std::uint32_t> nearest(std::span<const Candidate> candidates,
                                       std::uint64_t key) noexcept {
    double home = distance_of_absent(key);
    bool absent = !std::isinf(home);
    double best = HUGE_VAL;
    double best_full = HUGE_VAL;
    std::optional<std::uint32_t> within;
    std::optional<std::uint32_t> beyond;
    for (std::uint32_t i = 0; i < candidates.size(); ++i) {
      const Candidate& candidate = candidates[i];
      if (candidate.index >= weights_.size()) continue;
      const double weight = weights_[candidate.index];
      if (weight <= 0.0) continue;
      const double distance = exponential_of(mixed(key, candidate.index)) / weight;
      if (distance < home) {
        home = distance;
        absent = false;
      }
      if (!has_room(candidate)) continue;
      const double bound = std::ceil(kLoadBound * total_calls_ * weight / total_weight_);
      if (candidate.in_flight < bound && distance < best) {
        best = distance;
        within = i;
      } else if (distance < best_full) {
        best_full = distance;
        beyond = i;
      }
    }
    const auto chosen = within ? within : beyond;
    if (!chosen) return std::nullopt;
    const double own = within ? best : best_full;
    outcome_ = own <= home ? AffinityOutcome::kKept
               : absent    ? AffinityOutcome::kMoved
                           : AffinityOutcome::kSpilled;
    return chosen;
  }

  double distance_of_absent(std::uint64_t key) const noexcept {
    double least = HUGE_VAL;
    for (UpstreamSet left = seen_ & ~present_; left != 0; left &= left - 1) {
      const auto index = static_cast<std::size_t>(std::countr_zero(left));
      if (weights_[index] <= 0.0) continue;
      least = std::min(least, exponential_of(mixed(key, index)) / weights_[index]);
    }
    return least;
  }

  Rotation rotation_;
  std::vector<double> weights_;
  UpstreamSet seen_ = 0;
  UpstreamSet present_ = 0;
  double total_weight_ = 0.0;
  double total_calls_ = 0.0;
  AffinityOutcome outcome_ = AffinityOutcome::kNone;
};

}  // namespace

std::unique_ptr<Balancer> make_affinity(std::size_t upstreams_max) {
  return std::make_unique<Affinity>(upstreams_max);
}

}  // namespace sluice::policy
