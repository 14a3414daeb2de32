// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "policy/balance/balancer.hpp"
#include "support/catch.hpp"
#include "unit/policy/balance_support.hpp"

namespace sluice::policy {

using namespace test;

TEST_CASE("latency-based: the lowest latency wins, inside 10 ms the better score") {
  struct Row {
    const char* name;
    std::vector<double> latency_ms;
    std::vector<double> score;
    std::vector<std::uint32_t> winners;
  };
  const std::vector<Row> rows = {
      {"clear winner", {50, 20, 90}, {1, 0.1, 1}, {1}},
      {"just outside the band", {20, 30.5}, {0.2, 1}, {0}},
      {"just inside the band", {20, 29.5}, {0.2, 1}, {1}},
      {"the band starts at the lowest, not at the best", {20, 29, 38}, {0.2, 0.5, 1}, {1}},
      {"equal scores share", {20, 25, 29}, {0.5, 0.5, 0.5}, {0, 1, 2}},
      {"two of three share", {20, 25, 29}, {0.9, 0.4, 0.9}, {0, 2}},
      {"a hair better is better", {20, 25}, {0.990, 0.991}, {1}},
      {"an unknown one does not set the band", {0, 200, 205}, {1, 0.5, 0.9}, {2}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    auto candidates = equal(static_cast<std::uint32_t>(row.latency_ms.size()));
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      candidates[i].latency_s = row.latency_ms[i] / 1000;
      candidates[i].score = row.score[i];
      candidates[i].in_flight = 1;  // nobody is idle, so nothing is explored
    }
    Random random(9);
    auto balancer = make_balancer("latency-based", 3);
    std::vector<std::uint32_t> winners;
    for (const auto& [index, times] : tally(run(*balancer, candidates, 120, random))) {
      winners.push_back(index);
      CHECK(times == static_cast<int>(120 / row.winners.size()));
    }
    CHECK(winners == row.winners);
  }
}

TEST_CASE("latency-based: among equals the one with fewer in flight") {
  Random random(10);
  auto candidates = equal(3);
  for (auto& c : candidates) {
    c.latency_s = 0.02;
    c.in_flight = 5;
  }
  candidates[2].in_flight = 4;
  auto balancer = make_balancer("latency-based", 3);
  CHECK(tally(run(*balancer, candidates, 50, random))[2] == 50);
}

TEST_CASE("latency-based: exploration is bounded to one pick in twenty and one call at a time") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    auto candidates = equal(4);
    candidates[0].latency_s = 0.05;
    auto balancer = make_balancer("latency-based", 4);
    int explored = 0;
    for (int i = 1; i <= 1000; ++i) {
      const auto index = candidates[*balancer->pick(candidates, {.now = at(0s)}, random)].index;
      if (index != 0) ++explored;
      REQUIRE(explored <= i / 20 + 1);
    }
    CHECK(explored >= 49);
    // All unknown ones have a call on them: nothing more is risked.
    for (std::size_t i = 1; i < 4; ++i) candidates[i].in_flight = 1;
    CHECK(tally(run(*balancer, candidates, 200, random))[0] == 200);
  }
}

TEST_CASE("latency-based: an upstream that was slow once is measured again") {
  Random random(11);
  auto candidates = equal(2);
  candidates[0].latency_s = 0.02;
  candidates[1].latency_s = 0.9;
  auto balancer = make_balancer("latency-based", 2);
  CHECK(tally(run(*balancer, candidates, 1000, random, at(0s)))[1] == 0);
  CHECK(tally(run(*balancer, candidates, 1000, random, at(9s)))[1] == 0);
  CHECK(tally(run(*balancer, candidates, 20, random, at(11s)))[1] == 1);
  CHECK(tally(run(*balancer, candidates, 1000, random, at(11s)))[1] == 0);
  candidates[1].latency_s = 0.001;
  CHECK(tally(run(*balancer, candidates, 1000, random, at(12s)))[1] == 1000);
}

TEST_CASE("latency-based: nothing known is shared in turn") {
  Random random(12);
  auto balancer = make_balancer("latency-based", 3);
  for (const auto& [index, times] : tally(run(*balancer, equal(3), 300, random))) {
    CHECK(times == 100);
  }
}

}  // namespace sluice::policy
