// SPDX-License-Identifier: Apache-2.0
// Strategies that draw, and the one that keeps a key where it is.
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "support/catch.hpp"
#include "unit/policy/balance_support.hpp"

namespace sluice::policy {

using namespace test;

namespace {

std::uint32_t place(Balancer& balancer, const std::vector<Candidate>& candidates, std::uint64_t key,
                    Random& random) {
  const auto at = balancer.pick(candidates, {.affinity_hash = key}, random);
  REQUIRE(at);
  return candidates[*at].index;
}

std::uint64_t key_of(std::uint64_t i) {
  return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

}  // namespace

TEST_CASE("random draws in proportion to the weights") {
  Random random(4);
  auto balancer = make_balancer("random", 3);
  auto shares = tally(run(*balancer, weighted({1, 3, 0}), 8000, random));
  CHECK(shares.count(2) == 0);
  CHECK(std::abs(shares[1] - 6000) < 200);
}

TEST_CASE("of two drawn the less busy is taken") {
  Random random(4);
  auto balancer = make_balancer("p2c", 3);
  auto candidates = equal(3);
  candidates[0].in_flight = 9;
  auto shares = tally(run(*balancer, candidates, 3000, random));
  // The busiest is only taken where it meets itself, which two different ones never do.
  CHECK(shares.count(0) == 0);
  CHECK(std::abs(shares[1] - 1500) < 150);
}

TEST_CASE("peak-ewma jumps to a peak, decays, and counts what is pending") {
  Random random(4);
  auto balancer = make_balancer("peak-ewma", 2);
  auto candidates = equal(2);
  auto answer = [&](std::uint32_t index, Duration took, TimePoint when) {
    const Ticket ticket = balancer->started(index, nullptr, {.now = when - took});
    balancer->finished(ticket, Ended::kOk, when, took);
  };
  for (int i = 0; i < 50; ++i) {
    answer(0, 10ms, at(i * 100ms));
    answer(1, 12ms, at(i * 100ms));
  }
  auto first = [&](TimePoint when) {
    return candidates[*balancer->pick(candidates, {.now = when}, random)].index;
  };
  CHECK(first(at(5s)) == 0);
  answer(0, 500ms, at(5s));
  CHECK(first(at(5s)) == 1);
  CHECK(first(at(10s)) == 1);
  // After 40 s the peak has faded to e^-4 of itself; reading makes the other fade as well.
  candidates[1].in_flight = 60;
  CHECK(first(at(45s)) == 0);
}

TEST_CASE("affinity keeps a key on its upstream") {
  Random random(4);
  auto balancer = make_balancer("affinity", 8);
  const auto candidates = equal(8);
  std::map<std::uint32_t, int> shares;
  for (std::uint64_t i = 0; i < 8000; ++i) {
    const auto index = place(*balancer, candidates, key_of(i), random);
    ++shares[index];
    CHECK(balancer->affinity() == AffinityOutcome::kKept);
    if (i % 100 == 0) CHECK(place(*balancer, candidates, key_of(i), random) == index);
  }
  for (const auto& [index, times] : shares) CHECK(std::abs(times - 1000) < 150);

  // Another worker's instance places alike.
  Random other_random(99);
  auto other = make_balancer("affinity", 8);
  for (std::uint64_t i = 0; i < 200; ++i) {
    CHECK(place(*other, candidates, key_of(i), other_random) ==
          place(*balancer, candidates, key_of(i), random));
  }
  CHECK(balancer->pick(candidates, {}, random));
  CHECK(balancer->affinity() == AffinityOutcome::kNone);
}

TEST_CASE("affinity shares keys by weight") {
  Random random(4);
  auto balancer = make_balancer("affinity", 3);
  const auto candidates = weighted({1, 4, 0});
  std::map<std::uint32_t, int> shares;
  for (std::uint64_t i = 0; i < 10000; ++i)
    ++shares[place(*balancer, candidates, key_of(i), random)];
  CHECK(shares.count(2) == 0);
  CHECK(std::abs(shares[0] - 2000) < 200);
}

TEST_CASE("a key moves only when its upstream is away, and comes back") {
  Random random(4);
  auto balancer = make_balancer("affinity", 5);
  const auto all = equal(5);
  std::vector<Candidate> left(all.begin(), all.end());
  left.erase(left.begin() + 2);
  for (std::uint64_t i = 0; i < 500; ++i) {
    const auto home = place(*balancer, all, key_of(i), random);
    const auto next = place(*balancer, left, key_of(i), random);
    if (home == 2) {
      CHECK(next != 2);
      CHECK(balancer->affinity() == AffinityOutcome::kMoved);
    } else {
      CHECK(next == home);
      CHECK(balancer->affinity() == AffinityOutcome::kKept);
    }
    CHECK(place(*balancer, all, key_of(i), random) == home);
  }
}

TEST_CASE("a key spills when its upstream has 1.25 times its share") {
  Random random(4);
  auto balancer = make_balancer("affinity", 4);
  auto candidates = equal(4);
  const auto home = place(*balancer, candidates, key_of(1), random);
  // 1.25 x (39 + 1) / 4 = 12.5.
  for (auto& c : candidates) c.in_flight = 9;
  candidates[home].in_flight = 12;
  CHECK(place(*balancer, candidates, key_of(1), random) == home);
  CHECK(balancer->affinity() == AffinityOutcome::kKept);
  candidates[home].in_flight = 13;
  CHECK(place(*balancer, candidates, key_of(1), random) != home);
  CHECK(balancer->affinity() == AffinityOutcome::kSpilled);
  // The same one each time.
  std::set<std::uint32_t> others;
  for (int i = 0; i < 20; ++i) others.insert(place(*balancer, candidates, key_of(1), random));
  CHECK(others.size() == 1);
}

}  // namespace sluice::policy
