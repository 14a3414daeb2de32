// SPDX-License-Identifier: Apache-2.0
#include "policy/balance/explain.hpp"
#include "policy/balance/rotation.hpp"
#include "policy/balance/strategies.hpp"

namespace sluice::policy {
namespace {

class RoundRobin final : public Balancer {
 public:
  explicit RoundRobin(std::size_t upstreams_max) : rotation_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates, const PickContext&,
                                    Random& random) noexcept override {
    rotation_.start(candidates, random);
    return pick_least(candidates, rotation_, all_equal);
  }
  std::string_view name() const noexcept override { return "round-robin"; }
  Explanation explain(std::span<const Candidate> candidates, const PickContext&) const override {
    const Candidate* const next = rotation_.longest_waiting(candidates);
    return explain_each("turn by turn", candidates, [next](const Candidate& candidate) {
      return in_flight_words(candidate) + (&candidate == next ? ", its turn" : "");
    });
  }

 private:
  Rotation rotation_;
};

class LeastConnections final : public Balancer {
 public:
  explicit LeastConnections(std::size_t upstreams_max) : rotation_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates, const PickContext&,
                                    Random& random) noexcept override {
    rotation_.start(candidates, random);
    return pick_least(candidates, rotation_, fewer_in_flight);
  }
  std::string_view name() const noexcept override { return "least-connections"; }
  Explanation explain(std::span<const Candidate> candidates, const PickContext&) const override {
    const std::uint32_t fewest = fewest_in_flight(candidates);
    return explain_each(
        "fewest calls in flight, turn by turn among equals", candidates,
        [fewest](const Candidate& candidate) { return load_words(candidate, fewest); });
  }

 private:
  Rotation rotation_;
};

}  // namespace

std::unique_ptr<Balancer> make_round_robin(std::size_t upstreams_max) {
  return std::make_unique<RoundRobin>(upstreams_max);
}

std::unique_ptr<Balancer> make_least_connections(std::size_t upstreams_max) {
  return std::make_unique<LeastConnections>(upstreams_max);
}

}  // namespace sluice::policy
