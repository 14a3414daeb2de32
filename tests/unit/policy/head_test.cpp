// SPDX-License-Identifier: Apache-2.0
#include "policy/head.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {

using namespace test;

TEST_CASE("the chain's head out of the upstreams' heads") {
  struct Row {
    const char* name;
    std::vector<std::uint64_t> heads;
    std::uint64_t chain;
  };
  const std::vector<Row> rows = {
      {"one voice", {100}, 100},
      {"two agree", {100, 100}, 100},
      {"of two the higher", {100, 90}, 100},
      {"three agree", {100, 100, 100}, 100},
      {"first with the new block", {100, 101, 100}, 101},
      {"a lagging one does not matter", {100, 3, 100}, 100},
      {"two lagging ones hold it back to one above them", {100, 90, 90}, 91},
      {"a liar among three", {100, 1'000'000'000, 100}, 101},
      {"a liar among eight", {100, 99, 100, 98, 100, 100, 99, ~0ULL}, 101},
      {"zero heads", {0, 0, 0}, 0},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    HeadTracker tracker({}, row.heads.size());
    // Lowest first, so that the row's end is what counts and not who was first.
    std::vector<std::size_t> order(row.heads.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return row.heads[a] < row.heads[b]; });
    for (const std::size_t i : order) tracker.report(i, row.heads[i], at(0s));
    CHECK(tracker.chain_head() == row.chain);
  }
}

TEST_CASE("a liar is distrusted, honest upstreams do not seem to lag because of it") {
  HeadTracker tracker({}, 4);
  for (std::size_t i = 0; i < 3; ++i) tracker.report(i, 100, at(0s));
  tracker.report(3, 5000, at(0s));
  CHECK(tracker.standing(3, at(0s)).distrusted);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK_FALSE(tracker.standing(i, at(0s)).distrusted);
    CHECK(tracker.standing(i, at(0s)).lag <= 1);
  }
}

TEST_CASE("one liar never moves the head by more than the tolerance, and it never goes back") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const std::size_t n = 3 + random.below(5);
    HeadTracker tracker({}, n);
    std::uint64_t truth = 1000;
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < n; ++i) tracker.report(i, truth, at(0s));
    for (int step = 1; step < 2000; ++step) {
      const TimePoint now = at(step * 500ms);
      if (step % 24 == 0) ++truth;
      // The last one lies; the others are right or one behind, and now and then one is silent.
      tracker.report(n - 1, random.next() >> random.below(64), now);
      const std::size_t i = random.below(n - 1);
      tracker.report(i, truth - random.below(2), now);
      if (random.below(10) == 0) tracker.tick(now);
      REQUIRE(tracker.chain_head() >= before);
      REQUIRE(tracker.chain_head() <= truth + 1);
      before = tracker.chain_head();
    }
    CHECK(tracker.chain_head() >= truth - 1);
  }
}

TEST_CASE("a head that was wrong from the start is corrected, a short dip is not") {
  HeadTracker tracker({}, 3);
  tracker.report(0, 1'000'000, at(0s));
  CHECK(tracker.chain_head() == 1'000'000);
  for (Duration t = 0s; t <= 12s; t += 2s) {
    tracker.report(0, 1'000'000, at(t));
    tracker.report(1, 100, at(t));
    tracker.report(2, 100, at(t));
    if (t < 10s) CHECK(tracker.chain_head() == 1'000'000);
  }
  CHECK(tracker.chain_head() == 101);
  CHECK(tracker.standing(1, at(12s)).lag == 1);
  CHECK_FALSE(tracker.standing(1, at(12s)).frozen);

  tracker.report(1, 90, at(13s));
  tracker.report(2, 90, at(13s));
  CHECK(tracker.chain_head() == 101);
  tracker.report(2, 100, at(20s));
  tracker.report(1, 100, at(20s));
  CHECK(tracker.chain_head() == 101);
}

TEST_CASE("a small step back is never taken") {
  HeadTracker tracker({}, 2);
  tracker.report(0, 103, at(0s));
  tracker.report(1, 100, at(0s));
  tracker.silence(0, at(1s));
  for (Duration t = 1s; t < 60s; t += 1s) tracker.report(1, 100, at(t));
  CHECK(tracker.chain_head() == 103);
}

TEST_CASE("the dead do not hold the head back") {
  SECTION("silenced") {
    HeadTracker tracker({}, 3);
    for (std::size_t i = 0; i < 3; ++i) tracker.report(i, 100, at(0s));
    tracker.silence(0, at(1s));
    tracker.silence(1, at(1s));
    tracker.report(2, 150, at(2s));
    CHECK(tracker.chain_head() == 150);
    tracker.report(0, 100, at(3s));
    CHECK(tracker.standing(0, at(3s)).lag == 50);
  }
  SECTION("not heard of for a while") {
    HeadTracker tracker({}, 3);
    for (std::size_t i = 0; i < 3; ++i) tracker.report(i, 100, at(0s));
    tracker.report(2, 150, at(30s));
    CHECK(tracker.chain_head() == 101);
    tracker.report(2, 151, at(31s));
    CHECK(tracker.chain_head() == 151);
  }
}

TEST_CASE("one that has caught up is not frozen, however long the chain rests then") {
  HeadTracker tracker({}, 3);
  for (std::size_t i = 0; i < 3; ++i) tracker.report(i, 100, at(0s));
  // The first of them to show ten new blocks: nobody vouches for more than one of them yet.
  tracker.report(2, 110, at(1s));
  CHECK(tracker.chain_head() == 101);
  tracker.report(0, 110, at(2s));
  tracker.report(1, 110, at(2s));
  CHECK(tracker.chain_head() == 110);
  for (Duration t = 3s; t < 120s; t += 2s) {
    for (std::size_t i = 0; i < 3; ++i) {
      tracker.report(i, 110, at(t));
      REQUIRE_FALSE(tracker.standing(i, at(t)).frozen);
    }
  }
}

TEST_CASE("frozen: stands still while the chain moves") {
  // Block times of mainnet, an L2 and a fast chain, each probed every 2 s.
  struct Row {
    const char* name;
    Duration block_time;
    Duration noticed_after;
    Duration noticed_by;
  };
  for (const Row& row :
       {Row{"12 s", 12s, 20s, 29s}, Row{"2 s", 2s, 5s, 8s}, Row{"250 ms", 250ms, 5s, 8s}}) {
    INFO(row.name);
    HeadTracker tracker({}, 3);
    const Duration freeze = 600s;
    std::optional<Duration> noticed;
    for (Duration t{0}; t < 700s; t += 500ms) {
      // Each upstream at its own moment within the two seconds.
      for (std::size_t i = 0; i < 3; ++i) {
        if (t % 2s != static_cast<Duration::rep>(i) * 500ms) continue;
        const Duration seen = i == 2 ? std::min(t, freeze) : t;
        tracker.report(i, 1000 + static_cast<std::uint64_t>(seen / row.block_time), at(t));
        const HeadStanding standing = tracker.standing(i, at(t));
        if (i != 2 || t < freeze) REQUIRE_FALSE(standing.frozen);
        if (i == 2 && standing.frozen && !noticed) noticed = t - freeze;
      }
    }
    REQUIRE(noticed);
    CHECK(*noticed >= row.noticed_after - row.block_time);
    CHECK(*noticed <= row.noticed_by);
  }
}

TEST_CASE("a long standstill does not make the next one look usual") {
  HeadTracker tracker({}, 2);
  std::optional<Duration> noticed;
  for (Duration t{0}; t < 900s; t += 2s) {
    // Frozen from 100 s to 700 s, and again from 760 s on.
    const Duration seen = t < 100s ? t : t < 700s ? Duration(100s) : std::min<Duration>(t, 760s);
    tracker.report(0, 1000 + static_cast<std::uint64_t>(t / 12s), at(t));
    tracker.report(1, 1000 + static_cast<std::uint64_t>(seen / 12s), at(t));
    if (t >= 760s && tracker.standing(1, at(t)).frozen && !noticed) noticed = t - 760s;
  }
  REQUIRE(noticed);
  CHECK(*noticed <= 40s);
}

TEST_CASE("a chain that stands still as a whole freezes nobody") {
  HeadTracker tracker({}, 3);
  for (Duration t{0}; t < 600s; t += 2s) {
    for (std::size_t i = 0; i < 3; ++i) {
      tracker.report(i, t < 60s ? 100 + static_cast<std::uint64_t>(t / 12s) : 104, at(t));
      REQUIRE_FALSE(tracker.standing(i, at(t)).frozen);
      REQUIRE(tracker.standing(i, at(t)).lag <= 1);
    }
  }
}

TEST_CASE("before the first report there is nothing to say") {
  HeadTracker tracker({}, 2);
  CHECK(tracker.chain_head() == 0);
  CHECK(tracker.head(1) == 0);
  tracker.report(0, 100, at(0s));
  CHECK(tracker.standing(1, at(0s)).lag == 0);
  CHECK_FALSE(tracker.standing(1, at(0s)).frozen);
}

}  // namespace sluice::policy
