// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "policy/balance/explain.hpp"
#include "policy/balance/rotation.hpp"
#include "policy/balance/strategies.hpp"

namespace sluice::policy {
namespace {

/// Every pick each candidate gains its weight, and the one with the most pays what all gained. An
/// upstream that is not a candidate neither gains nor pays, so nothing piles up for it while it is
/// away.
class Weighted final : public Balancer {
 public:
  explicit Weighted(std::size_t upstreams_max)
      : current_(upstreams_max, 0.0), unweighted_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates, const PickContext&,
                                    Random& random) noexcept override {
    const bool room = std::any_of(candidates.begin(), candidates.end(), has_room);
    if (!started_) start(candidates, room, random);
    const auto position = step(candidates, room);
    if (position) return position;
    // Weight 0 takes an upstream out of the shares, but an answer from it is better than none.
    unweighted_.start(candidates, random);
    return pick_least(candidates, unweighted_, all_equal);
  }
  std::string_view name() const noexcept override { return "weighted"; }
  Explanation explain(std::span<const Candidate> candidates, const PickContext&) const override {
    return explain_each("turns by weight", candidates, [candidates](const Candidate& candidate) {
      return share_words(candidate, candidates);
    });
  }

 private:
  /// Bounds the work of the first pick.
  static constexpr double kStartStepsMax = 64.0;

  /// 0 for an upstream without a share.
  [[nodiscard]] double share(const Candidate& candidate, bool room) const noexcept {
    if (candidate.index >= current_.size() || (room && !has_room(candidate))) return 0.0;
    return candidate.weight > 0.0 && candidate.weight < HUGE_VAL ? candidate.weight : 0.0;
  }

  /// Selects without branching: who leads is what no predictor can guess.
  std::optional<std::uint32_t> step(std::span<const Candidate> candidates, bool room) noexcept {
    double* const current = current_.data();
    double total = 0.0;
    double most = -HUGE_VAL;
    std::size_t best = candidates.size();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double weight = share(candidates[i], room);
      if (weight <= 0.0) continue;
      total += weight;
      const double gained = current[candidates[i].index] += weight;
      best = gained > most ? i : best;
      most = gained > most ? gained : most;
    }
    if (best == candidates.size()) return std::nullopt;
    current[candidates[best].index] -= total;
    return static_cast<std::uint32_t>(best);
  }

  /// Begins somewhere within the cycle, so that workers which start together do not all begin with
  /// one upstream.
  void start(std::span<const Candidate> candidates, bool room, Random& random) noexcept {
    double total = 0.0;
    double least = HUGE_VAL;
    for (const Candidate& candidate : candidates) {
      const double weight = share(candidate, room);
      if (weight <= 0.0) continue;
      total += weight;
      least = std::min(least, weight);
    }
    if (total <= 0.0) return;
    started_ = true;
    const double cycle = std::min(kStartStepsMax, std::ceil(total / least));
    for (auto steps = random.below(static_cast<std::uint64_t>(cycle)); steps > 0; --steps) {
      step(candidates, room);
    }
  }

  std::vector<double> current_;
  Rotation unweighted_;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Balancer> make_weighted(std::size_t upstreams_max) {
  return std::make_unique<Weighted>(upstreams_max);
}

}  // namespace sluice::policy
