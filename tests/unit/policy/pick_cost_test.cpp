// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "support/catch.hpp"
#include "unit/policy/balance_support.hpp"

namespace sluice::policy {

using namespace test;

// Hidden; run it in a Release build: unit_policy "[pick-cost]"
TEST_CASE("pick cost", "[.][pick-cost]") {
  for (const auto name : balancer_names()) {
    for (const std::uint32_t n : {2U, 8U, 64U}) {
      Random random(1);
      auto balancer = make_balancer(name, 64);
      // Many different sets in turn, so that the branch predictor cannot learn the answers.
      std::vector<std::vector<Candidate>> sets(257, equal(n));
      for (auto& set : sets) {
        for (auto& c : set) {
          c.weight = static_cast<double>(1 + c.index % 3);
          c.latency_s = 0.02 + 0.02 * random.uniform();
          c.in_flight = static_cast<std::uint32_t>(random.below(8));
          c.capacity = 8;
        }
      }
      // Short rounds, of which the best counts: a round that was preempted says nothing.
      constexpr std::size_t kPicks = 5'000;
      double best = HUGE_VAL;
      std::uint64_t sum = 0;
      for (int round = 0; round < 400; ++round) {
        const TimePoint start = now();
        for (std::size_t i = 0; i < kPicks; ++i) {
          sum += *balancer->pick(sets[i % sets.size()], {.now = start}, random);
        }
        best = std::min(best, seconds(now() - start) / double{kPicks} * 1e9);
      }
      WARN(name << " at " << n << ": " << best << " ns per pick (" << sum % 2 << ")");
      CHECK(best < (n <= 8 ? 100 : 250));
    }
  }
}

}  // namespace sluice::policy
