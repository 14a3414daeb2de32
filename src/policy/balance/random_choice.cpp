// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/balance/choices.hpp"
#include "policy/balance/explain.hpp"
#include "policy/balance/strategies.hpp"

namespace sluice::policy {
namespace {

class RandomChoice final : public Balancer {
 public:
  explicit RandomChoice(std::size_t upstreams_max) : upstreams_max_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates, const PickContext&,
                                    Random& random) noexcept override {
    const Drawn drawn(candidates, upstreams_max_);
    if (drawn.size() == 0) return std::nullopt;
    double total = 0.0;
    for (std::size_t i = 0; i < drawn.size(); ++i) total += share(candidates[drawn[i]]);
    if (!(total > 0.0)) return drawn[random.below(drawn.size())];
    double left = random.uniform() * total;
    std::uint32_t last = drawn[0];
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      const double own = share(candidates[drawn[i]]);
      if (own <= 0.0) continue;
      last = drawn[i];
      if (left < own) break;
      left -= own;
    }
    return last;
  }
  std::string_view name() const noexcept override { return "random"; }
  Explanation explain(std::span<const Candidate> candidates, const PickContext&) const override {
    return explain_each("by chance, by weight", candidates, [candidates](const Candidate& one) {
      return share_words(one, candidates);
    });
  }

 private:
  /// What is no number and what has no bound does not take all.
  static double share(const Candidate& candidate) noexcept {
    constexpr double kMost = 1e9;
    return candidate.weight > 0.0 ? std::min(candidate.weight, kMost) : 0.0;
  }

  std::size_t upstreams_max_;
};

class PowerOfTwo final : public Balancer {
 public:
  explicit PowerOfTwo(std::size_t upstreams_max) : upstreams_max_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates, const PickContext&,
                                    Random& random) noexcept override {
    const Drawn drawn(candidates, upstreams_max_);
    if (drawn.size() == 0) return std::nullopt;
    return drawn.better_of_two(random, [candidates](std::uint32_t a, std::uint32_t b) {
      return candidates[a].in_flight < candidates[b].in_flight;
    });
  }
  std::string_view name() const noexcept override { return "p2c"; }
  Explanation explain(std::span<const Candidate> candidates, const PickContext&) const override {
    const std::uint32_t fewest = fewest_in_flight(candidates);
    return explain_each(
        "the less busy of two that are drawn", candidates,
        [fewest](const Candidate& candidate) { return load_words(candidate, fewest); });
  }

 private:
  std::size_t upstreams_max_;
};

}  // namespace

std::unique_ptr<Balancer> make_random(std::size_t upstreams_max) {
  return std::make_unique<RandomChoice>(upstreams_max);
}

std::unique_ptr<Balancer> make_p2c(std::size_t upstreams_max) {
  return std::make_unique<PowerOfTwo>(upstreams_max);
}

}  // namespace sluice::policy
