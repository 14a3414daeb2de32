// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "support/catch.hpp"
#include "unit/policy/allocations.hpp"
#include "unit/policy/balance_support.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

bool is_rotation_of(const std::string& sequence, const std::string& cycle) {
  return sequence.size() == cycle.size() && (cycle + cycle).find(sequence) != std::string::npos;
}

bool draws(std::string_view name) {
  return name == "random" || name == "p2c" || name == "peak-ewma" || name == "adaptive" ||
         name == "learned";
}

}  // namespace

TEST_CASE("every strategy is made by its name and no other is") {
  for (const auto name : kStrategies) {
    const auto balancer = make_balancer(name, 4);
    REQUIRE(balancer);
    CHECK(balancer->name() == name);
  }
  for (const auto* const name : {"", "Round-Robin", "round_robin", "peak_ewma", "weighted "}) {
    CHECK(make_balancer(name, 4) == nullptr);
  }
}

TEST_CASE("the lowest tier that has a candidate is selected, in order") {
  struct Row {
    const char* name;
    std::vector<std::uint32_t> tiers;
    std::vector<std::uint32_t> kept;
  };
  const std::vector<Row> rows = {
      {"none", {}, {}},
      {"one", {7}, {0}},
      {"all equal", {2, 2, 2}, {0, 1, 2}},
      {"first and last", {1, 2, 1}, {0, 2}},
      {"only the last", {3, 2, 1}, {2}},
      {"tier 1 has nobody", {3, 2, 3, 2}, {1, 3}},
      {"tier 0 comes before 1", {1, 0, 1}, {1}},
      {"scattered", {2, 1, 2, 1, 2, 1, 1}, {1, 3, 5, 6}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    std::vector<Candidate> candidates(row.tiers.size());
    for (std::uint32_t i = 0; i < candidates.size(); ++i) {
      candidates[i].index = i;
      candidates[i].tier = row.tiers[i];
    }
    std::vector<std::uint32_t> kept;
    for (const Candidate& c : select_tier(candidates)) kept.push_back(c.index);
    CHECK(kept == row.kept);
    std::vector<std::uint32_t> all;
    for (const Candidate& c : candidates) all.push_back(c.index);
    std::sort(all.begin(), all.end());
    for (std::uint32_t i = 0; i < all.size(); ++i) CHECK(all[i] == i);
  }
}

TEST_CASE("a strategy that looks at weights gives one of 0 nothing, and others do not") {
  for (const auto name : kStrategies) {
    CAPTURE(std::string(name));
    Random random(1);
    const auto candidates = weighted({1, 0, 1});
    const auto balancer = make_balancer(name, 3);
    bool weightless_picked = false;
    for (std::uint64_t key = 1; key <= 300; ++key) {
      const auto position =
          balancer->pick(candidates, {.now = at(0s), .affinity_hash = key}, random);
      weightless_picked = weightless_picked || position == 1U;
    }
    CHECK(uses_weights(name) != weightless_picked);
  }
}

TEST_CASE("what holds for every strategy") {
  for (const auto name : kStrategies) {
    CAPTURE(std::string(name));
    Random random(1);
    SECTION(std::string(name) + ": nothing from nothing") {
      CHECK_FALSE(make_balancer(name, 4)->pick({}, {}, random));
      CHECK_FALSE(make_balancer(name, 0)->pick({}, {}, random));
      CHECK_FALSE(make_balancer(name, 0)->pick(equal(2), {}, random));
    }
    SECTION(std::string(name) + ": the only candidate is taken, whatever it looks like") {
      const double nan = std::numeric_limits<double>::quiet_NaN();
      for (const double odd : {0.0, -1.0, nan, HUGE_VAL}) {
        std::vector<Candidate> one = equal(1);
        one[0] = {.index = 3,
                  .tier = 9,
                  .weight = odd,
                  .in_flight = 5,
                  .capacity = 5,
                  .latency_s = odd,
                  .score = odd};
        auto balancer = make_balancer(name, 4);
        for (const auto index : run(*balancer, one, 50, random)) CHECK(index == 3);
      }
    }
    SECTION(std::string(name) + ": an index beyond the bound is passed over") {
      auto balancer = make_balancer(name, 2);
      for (const auto index : run(*balancer, equal(5), 100, random)) CHECK(index < 2);
    }
    SECTION(std::string(name) + ": a full candidate is left alone while another has room") {
      auto candidates = equal(3);
      for (auto& c : candidates) c.latency_s = 0.5;
      candidates[0].latency_s = 0.001;
      candidates[0].weight = 100;
      candidates[0].in_flight = candidates[0].capacity = 4;
      candidates[1].in_flight = candidates[2].in_flight = 9;
      auto balancer = make_balancer(name, 3);
      for (const auto index : run(*balancer, candidates, 200, random)) CHECK(index != 0);
      for (auto& c : candidates) c.capacity = c.in_flight;
      CHECK(run(*balancer, candidates, 200, random).size() == 200);
    }
    SECTION(std::string(name) + ": equal seeds give equal picks") {
      Random other(1);
      auto a = make_balancer(name, 8);
      auto b = make_balancer(name, 8);
      CHECK(run(*a, equal(8), 100, random) == run(*b, equal(8), 100, other));
    }
    SECTION(std::string(name) + ": workers that start together do not all start with one") {
      std::map<std::uint32_t, int> first;
      for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Random own(seed);
        auto balancer = make_balancer(name, 64);
        ++first[run(*balancer, equal(4), 1, own).front()];
      }
      CHECK(first.size() == 4);
      for (const auto& [index, times] : first) CHECK(times > 20);
    }
    SECTION(std::string(name) + ": equal candidates get equal shares") {
      auto balancer = make_balancer(name, 5);
      const auto shares = tally(run(*balancer, equal(5), 1000, random));
      CHECK(shares.size() == 5);
      // Those that draw come near to it: the deviation is 13.
      for (const auto& [index, times] : shares) {
        if (draws(name)) {
          CHECK(std::abs(times - 200) < 60);
        } else {
          CHECK(times == 200);
        }
      }
    }
    SECTION(std::string(name) + ": no allocation on the pick path") {
      auto balancer = make_balancer(name, 64);
      const auto candidates = equal(64);
      // What it keeps of upstreams that bring no statistics is made with the first.
      (void)balancer->pick(candidates, {.now = at(0s)}, random);
      const std::size_t before = allocations();
      for (int i = 0; i < 500; ++i) {
        const PickContext context{.now = at(i * 1s), .method_class = 3, .affinity_hash = 7};
        const auto position = balancer->pick(candidates, context, random);
        const Ticket ticket = balancer->started(candidates[*position].index, nullptr, context);
        balancer->finished(ticket, Ended::kOk, at(i * 1s + 5ms), 5ms);
      }
      CHECK(allocations() == before);
    }
  }
}

TEST_CASE("round robin takes turns in order") {
  Random random(3);
  auto balancer = make_balancer("round-robin", 8);
  const auto indices = run(*balancer, equal(4), 12, random);
  for (std::size_t i = 1; i < indices.size(); ++i) CHECK(indices[i] == (indices[i - 1] + 1) % 4);
}

TEST_CASE("round robin passes nobody over when the candidates change between picks") {
  Random random(4);
  SECTION("alternating pairs, where the next index would starve the middle one") {
    auto balancer = make_balancer("round-robin", 3);
    std::map<std::uint32_t, int> counts;
    auto all = equal(3);
    const std::array<std::vector<Candidate>, 2> sets{std::vector{all[0], all[1]},
                                                     std::vector{all[0], all[2]}};
    for (std::size_t i = 0; i < 300; ++i) {
      const auto& set = sets[i % 2];
      ++counts[set[*balancer->pick(set, {}, random)].index];
    }
    for (const auto& [index, times] : counts) CHECK(times >= 60);
    CHECK(counts.size() == 3);
  }
  SECTION("random subsets: nobody waits longer than there are others") {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      CAPTURE(seed);
      Random own(seed);
      constexpr std::uint32_t kN = 8;
      auto balancer = make_balancer("round-robin", kN);
      std::array<int, kN> passed_over{};
      for (int i = 0; i < 2000; ++i) {
        std::vector<Candidate> set;
        for (const Candidate& c : equal(kN)) {
          if (own.below(2) == 0) set.push_back(c);
        }
        if (set.empty()) continue;
        const auto chosen = set[*balancer->pick(set, {}, own)].index;
        for (const Candidate& c : set) {
          passed_over[c.index] = c.index == chosen ? 0 : passed_over[c.index] + 1;
          REQUIRE(passed_over[c.index] < static_cast<int>(kN));
        }
      }
    }
  }
}

TEST_CASE("a returning upstream is not flooded by round robin") {
  Random random(5);
  auto balancer = make_balancer("round-robin", 3);
  auto candidates = equal(3);
  run(*balancer, {candidates[0], candidates[1]}, 1000, random);
  CHECK(tally(run(*balancer, candidates, 9, random))[2] == 3);
}

TEST_CASE("least connections picks the fewest in flight and rotates ties") {
  Random random(6);
  auto balancer = make_balancer("least-connections", 4);
  auto candidates = equal(4);
  candidates[0].in_flight = 3;
  candidates[1].in_flight = 1;
  candidates[2].in_flight = 1;
  candidates[3].in_flight = 2;
  const auto counts = tally(run(*balancer, candidates, 100, random));
  CHECK(counts == std::map<std::uint32_t, int>{{1, 50}, {2, 50}});
}

TEST_CASE("least connections keeps the loads of equal upstreams within one") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    auto balancer = make_balancer("least-connections", 6);
    auto candidates = equal(6);
    for (int i = 0; i < 60; ++i) {
      ++candidates[*balancer->pick(candidates, {}, random)].in_flight;
      const auto [low, high] = std::minmax_element(
          candidates.begin(), candidates.end(),
          [](const Candidate& a, const Candidate& b) { return a.in_flight < b.in_flight; });
      REQUIRE(high->in_flight - low->in_flight <= 1);
    }
  }
}

TEST_CASE("weights give the smooth sequence, begun anywhere in its cycle") {
  struct Row {
    std::vector<double> weights;
    const char* cycle;
  };
  const std::vector<Row> rows = {
      {{5, 1, 1}, "aabacaa"}, {{1, 1, 1}, "abc"}, {{2, 1}, "aba"},      {{3, 2, 1}, "abacba"},
      {{4, 2}, "aba"},        {{1}, "a"},         {{0.5, 0.25}, "aba"}, {{1, 0, 1}, "ac"},
  };
  for (const Row& row : rows) {
    INFO(row.cycle);
    const std::string cycle = row.cycle;
    std::map<char, int> starts;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      Random random(seed);
      auto balancer = make_balancer("weighted", 3);
      std::string sequence;
      for (const auto i : run(*balancer, weighted(row.weights), cycle.size() * 3, random)) {
        sequence += static_cast<char>('a' + i);
      }
      const std::string first = sequence.substr(0, cycle.size());
      CHECK(is_rotation_of(first, cycle));
      CHECK(sequence == first + first + first);
      ++starts[first.front()];
    }
    if (cycle.size() > 1) CHECK(starts.size() > 1);
  }
}

TEST_CASE("weighted: nobody is more than a turn off its share, in any window") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::vector<Candidate> candidates = equal(2 + static_cast<std::uint32_t>(random.below(7)));
    double total = 0;
    for (auto& c : candidates) total += c.weight = 0.1 + 10 * random.uniform();
    auto balancer = make_balancer("weighted", candidates.size());
    std::vector<double> got(candidates.size(), 0);
    for (int i = 1; i <= 5000; ++i) {
      ++got[*balancer->pick(candidates, {}, random)];
      for (const auto& c : candidates) {
        const double error = got[c.index] - i * c.weight / total;
        REQUIRE(std::abs(error) < static_cast<double>(candidates.size()));
      }
    }
  }
}

TEST_CASE("weighted: shares hold while candidates come and go and weights change") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    constexpr std::uint32_t kN = 6;
    auto balancer = make_balancer("weighted", kN);
    auto all = equal(kN);
    std::array<double, kN> due{};
    std::array<double, kN> got{};
    for (int i = 0; i < 20000; ++i) {
      if (i % 100 == 0) all[random.below(kN)].weight = static_cast<double>(1 + random.below(5));
      std::vector<Candidate> set;
      double total = 0;
      for (const Candidate& c : all) {
        if (random.below(3) == 0) continue;
        set.push_back(c);
        total += c.weight;
      }
      if (set.empty()) continue;
      for (const Candidate& c : set) due[c.index] += c.weight / total;
      ++got[set[*balancer->pick(set, {}, random)].index];
    }
    // Each pick weighs by its own set's sum, so a drift of a few picks is possible, one of the
    // share is not.
    for (std::uint32_t i = 0; i < kN; ++i) CHECK(got[i] == Approx(due[i]).epsilon(0.05));
  }
}

TEST_CASE("weighted: weight 0 is used only when nobody else is left, and then in turn") {
  Random random(8);
  auto balancer = make_balancer("weighted", 3);
  CHECK(tally(run(*balancer, weighted({0, 2, -1}), 100, random)) ==
        std::map<std::uint32_t, int>{{1, 100}});
  CHECK(tally(run(*balancer, weighted({0, 0, -1}), 99, random)) ==
        std::map<std::uint32_t, int>{{0, 33}, {1, 33}, {2, 33}});
}

}  // namespace sluice::policy
