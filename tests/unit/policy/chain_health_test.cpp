// SPDX-License-Identifier: Apache-2.0
#include "policy/chain_health.hpp"

#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "unit/policy/chain_sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;
using Nodes = std::vector<Node>;

const ChainSim::Script kAllWell = [](Duration, Nodes&) {};

/// Node 0 is broken from `from` on, for as long as `broken` says.
ChainSim::Script first_broken(Duration from, Duration until, Node broken) {
  return [=](Duration t, Nodes& nodes) { nodes[0] = t >= from && t < until ? broken : Node{}; };
}

Node refusing() {
  return {.refuses = true};
}
Node silent() {
  return {.silent = true};
}

std::string story(const ChainSim& sim) {
  std::string text;
  for (const auto& event : sim.events) text += event + "\n";
  return text;
}

/// When upstream 0 left after `broken_at` and came back after `repaired_at`, over the run of one
/// script.
struct Outage {
  std::optional<Duration> left_after;
  std::optional<Duration> back_after;
};

Outage observe(ChainSim& sim, Duration broken_at, Duration repaired_at, Duration span,
               const ChainSim::Script& script) {
  Outage outage;
  sim.run(span, script, [&] {
    const bool in = sim.health.serving(0) == Serving::kIn;
    if (!in && sim.t >= broken_at && !outage.left_after) outage.left_after = sim.t - broken_at;
    if (in && sim.t >= repaired_at && !outage.back_after) outage.back_after = sim.t - repaired_at;
  });
  return outage;
}

}  // namespace

TEST_CASE("at the start nobody serves before its first good probe; then all do") {
  ChainSim sim(3, 1);
  CHECK(sim.health.rotation() == 0);
  sim.run(2s + ChainSim::kStep, kAllWell);
  CHECK(sim.health.rotation() == 0b111);
  CHECK(sim.events.size() == 3);
  CHECK(sim.health.chain_head() == sim.true_head());
}

TEST_CASE("healthy traffic with one failure in a hundred never costs anybody its place") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    ChainSim sim(8, seed);
    sim.calls_per_s = 200;
    sim.run(20min, [](Duration, Nodes& nodes) {
      for (Node& node : nodes) node.failing = 0.01;
    });
    CHECK(sim.health.rotation() == 0xff);
    CHECK(sim.leaves == 0);
  }
}

TEST_CASE("one upstream breaks and is repaired: how soon it leaves and returns") {
  struct Row {
    const char* name;
    Node broken;
    double calls_per_s;
    Duration leaves_by;
  };
  const std::vector<Row> rows = {
      {"crash, busy", refusing(), 1000, 100ms},
      {"crash", refusing(), 100, 500ms},
      {"crash, one call a second", refusing(), 1, 7s},
      {"crash, no calls", refusing(), 0, 6s + 100ms},
      {"silent, busy", silent(), 1000, 100ms},
      {"silent", silent(), 100, 1s},
      {"silent, no calls", silent(), 0, 6s + 100ms},
      {"all calls fail, probes do not", {.failing = 1.0}, 100, 1s},
      {"half of the calls fail", {.failing = 0.5}, 1000, 30s},
      {"wrong chain", {.wrong_chain = true}, 100, 2s + 100ms},
      {"wrong chain, no calls", {.wrong_chain = true}, 0, 2s + 100ms},
      {"lag of 10 blocks", {.head_offset = -10}, 100, 32s + 100ms},
      {"syncing and behind", {.syncing = true, .head_offset = -10}, 100, 2s + 100ms},
      {"frozen head", {.frozen_at = 90s}, 100, 29s},
  };
  for (const Row& row : rows) {
    for (const std::size_t upstreams : {2U, 3U, 8U}) {
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        INFO(row.name);
        CAPTURE(upstreams, seed);
        ChainSim sim(upstreams, seed);
        sim.calls_per_s = row.calls_per_s;
        const Outage outage = observe(sim, 90s, 180s, 245s, first_broken(90s, 180s, row.broken));
        INFO(story(sim));
        REQUIRE(outage.left_after);
        CHECK(*outage.left_after <= row.leaves_by * (row.calls_per_s == 1 ? 2 : 1));
        REQUIRE(outage.back_after);
        // Calls that fail under good probes let it in and throw it out again, so its time out has
        // grown.
        CHECK(*outage.back_after <= (row.broken.failing > 0 ? 61s : 5s));
      }
    }
  }
}

TEST_CASE("a crashed upstream is not called while it is away") {
  ChainSim sim(3, 1);
  sim.run(60s, kAllWell);
  const auto before = sim.failed;
  sim.run(300s, [](Duration, Nodes& nodes) { nodes[0] = refusing(); });
  INFO(story(sim));
  CHECK(sim.failed - before <= 15);
  CHECK(sim.leaves == 1);
}

TEST_CASE("a flapping upstream stays away longer each time") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    ChainSim sim(3, seed);
    Duration in_while_off{0};
    sim.run(
        20min, [](Duration t, Nodes& nodes) { nodes[0] = t % 10s < 5s ? Node{} : refusing(); },
        [&] {
          if (sim.t % 10s >= 5s && sim.in_rotation(0)) in_while_off += ChainSim::kStep;
        });
    INFO(story(sim));
    CHECK(sim.leaves >= 5);
    CHECK(sim.leaves <= 40);  // of 120 times that it broke
    CHECK(sim.health.upstream(0).ejections() >= 5);
    CHECK(in_while_off < 20s);
    CHECK(sim.failed < sim.called / 500);
    // Well for good, it is back within its longest time out, and all is forgiven in the end.
    sim.run(61s, [](Duration, Nodes& nodes) { nodes[0] = Node{}; });
    CHECK(sim.in_rotation(0));
    sim.run(10min, kAllWell);
    CHECK(sim.health.upstream(0).ejections() == 0);
  }
}

TEST_CASE("the last one is never taken out") {
  for (const std::size_t upstreams : {1U, 2U, 3U, 8U}) {
    for (const Node& broken : {refusing(), silent(), Node{.failing = 1.0}}) {
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(upstreams, seed, broken.refuses, broken.silent);
        ChainSim sim(upstreams, seed);
        sim.run(60s, kAllWell);
        // All break, half a second apart; the simulation itself checks that somebody is always
        // left.
        sim.run(60s, [&](Duration t, Nodes& nodes) {
          for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (t >= 60s + static_cast<Duration::rep>(i) * 500ms) nodes[i] = broken;
          }
        });
        for (std::uint32_t i = 0; i < upstreams; ++i) {
          if (sim.in_rotation(i)) CHECK(sim.health.serving(i) != Serving::kOut);
        }
        CHECK(sim.health.rotation() != 0);
        if (broken.refuses) {
          CHECK(std::popcount(sim.health.rotation()) == 1);
          CHECK(sim.in_rotation(upstreams - 1));
        }
        // Repaired, all are back: at the next probe where probes told, else within what the
        // flapping has cost.
        sim.run(broken.failing > 0 ? 61s : 3s, [](Duration, Nodes& nodes) {
          for (Node& node : nodes) node = Node{};
        });
        INFO(story(sim));
        CHECK(sim.health.rotation() == bit_of(upstreams) - 1);
        for (std::uint32_t i = 0; i < upstreams; ++i) {
          CHECK(sim.health.serving(i) == Serving::kIn);
        }
      }
    }
  }
}

TEST_CASE("when one comes back, the one that was only borne with goes") {
  ChainSim sim(2, 1);
  sim.run(60s, kAllWell);
  sim.run(30s, [](Duration, Nodes& nodes) { nodes[0] = refusing(); });
  sim.run(30s, [](Duration, Nodes& nodes) { nodes[1] = refusing(); });
  CHECK(sim.health.serving(0) == Serving::kOut);
  CHECK(sim.health.serving(1) == Serving::kDegraded);
  sim.run(3s, [](Duration, Nodes& nodes) { nodes[0] = Node{}; });
  CHECK(sim.health.serving(0) == Serving::kIn);
  CHECK(sim.health.serving(1) == Serving::kOut);
}

TEST_CASE("a wrong chain never serves, not even as the only one") {
  ChainSim sim(1, 1);
  sim.run(60s, kAllWell);
  CHECK(sim.health.rotation() == 1);
  sim.run(3s, [](Duration, Nodes& nodes) { nodes[0] = {.wrong_chain = true}; });
  CHECK(sim.health.rotation() == 0);
  sim.run(3s, [](Duration, Nodes& nodes) { nodes[0] = Node{}; });
  CHECK(sim.health.rotation() == 1);

  ChainSim never(2, 2);
  never.run(60s, [](Duration, Nodes& nodes) { nodes[0] = {.wrong_chain = true}; });
  CHECK(never.health.rotation() == 0b10);
  never.run(60s, [](Duration, Nodes& nodes) { nodes[1] = refusing(); });
  CHECK(never.health.rotation() == 0b10);
}

TEST_CASE("those that answer leave only up to their share, in the order in which they went down") {
  // The machine is driven by hand: five upstreams that answer probes, whose calls fail one after
  // the other.
  Random random(1);
  ChainHealth health({}, 5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    health.probe_ok(i, {.head = 1, .chain_verified = true, .latency = 1ms}, at(0s), random);
  }
  const auto fail = [&](std::uint32_t i, Duration t) {
    return health.passive(i, {.failures = 5, .consecutive_failures = 5}, at(t), random).size();
  };
  CHECK(fail(3, 1ms) == 1);
  CHECK(fail(1, 2ms) == 1);
  CHECK(health.rotation() == 0b10101);
  CHECK(fail(0, 3ms) == 1);
  CHECK(health.serving(0) == Serving::kDegraded);
  CHECK(health.rotation() == 0b10101);
  CHECK_FALSE(health.panic());
  SECTION("less than a third up: panic, all that answer serve") {
    CHECK(fail(4, 4ms) == 3);
    CHECK(health.panic());
    CHECK(health.rotation() == 0b11111);
    health.probe_failed(1, ProbeFailure::kTimeout, at(5ms), random);
    CHECK(health.rotation() == 0b11101);
  }
  SECTION("one that is lost counts, but is not kept") {
    health.probe_failed(0, ProbeFailure::kTimeout, at(5ms), random);
    CHECK(health.rotation() == 0b10110);
    CHECK(health.serving(1) == Serving::kDegraded);
  }
}

TEST_CASE("calls under way are abandoned where nobody answers them, or for another chain") {
  Random random(1);
  ChainHealth health({}, 4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    health.probe_ok(i, {.head = 1, .chain_verified = true, .latency = 1ms}, at(0s), random);
  }
  const auto gone = [](std::span<const RotationChange> changes) {
    REQUIRE(changes.size() == 1);
    REQUIRE(changes[0].to == Serving::kOut);
    return changes[0].abandon;
  };
  SECTION("it fails calls, but answers its probes") {
    CHECK_FALSE(
        gone(health.passive(0, {.failures = 5, .consecutive_failures = 5}, at(1s), random)));
  }
  SECTION("it cannot be connected to") {
    CHECK(gone(health.passive(0, {.failures = 3, .connect_failures = 3, .consecutive_failures = 3},
                              at(1s), random)));
  }
  SECTION("it is silent") {
    CHECK(gone(health.probe_failed(0, ProbeFailure::kSilent, at(2s), random)));
  }
  SECTION("it is on another chain") {
    CHECK(gone(health.wrong_chain(0, at(1s), random)));
  }
}

TEST_CASE("a liar's head neither moves the chain nor takes the honest out") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    ChainSim sim(4, seed);
    sim.run(120s, kAllWell);
    sim.run(
        10min,
        [](Duration t, Nodes& nodes) {
          nodes[0].head_offset = 50 + static_cast<std::int64_t>(t / 1s) * 7;
        },
        [&] { REQUIRE(sim.health.chain_head() <= sim.true_head() + 1); });
    INFO(story(sim));
    CHECK(sim.leaves == 0);
    CHECK(sim.health.score(0, at(sim.t)).total() < sim.health.score(1, at(sim.t)).total());
    CHECK(sim.health.score(1, at(sim.t)).total() > 0.9);
  }
}

TEST_CASE("a head counts only from an upstream whose chain was checked") {
  Random random(1);
  ChainHealth health({}, 2);
  health.probe_ok(0, {.head = 100, .chain_verified = true, .latency = 1ms}, at(0s), random);
  health.probe_ok(1, {.head = 9000, .chain_verified = false, .latency = 1ms}, at(0s), random);
  CHECK(health.chain_head() == 100);
  CHECK(health.rotation() == 0b01);
}

TEST_CASE("of two upstreams a frozen one leaves, the moving one stays") {
  ChainSim sim(2, 3);
  sim.run(300s, kAllWell);
  sim.run(120s, [](Duration, Nodes& nodes) { nodes[1].frozen_at = 300s; });
  INFO(story(sim));
  CHECK(sim.health.rotation() == 0b01);
  CHECK(sim.health.upstream(1).reason() == DownReason::kFrozen);
  CHECK(sim.health.chain_head() + 1 >= sim.true_head());
}

TEST_CASE("the head follows the one that lives when the others have died, without calls to tell") {
  for (const Node& dead : {refusing(), silent()}) {
    ChainSim sim(3, 4);
    sim.calls_per_s = 0;
    sim.block_time = 1s;
    sim.run(60s, kAllWell);
    sim.run(15s, [&](Duration, Nodes& nodes) { nodes[0] = nodes[1] = dead; });
    CHECK(sim.health.rotation() == 0b100);
    CHECK(sim.health.chain_head() + 3 >= sim.true_head());
  }
}

TEST_CASE("fast chains: block times far below the probe interval disturb nobody") {
  for (const Duration block_time : {Duration(200ms), Duration(400ms), Duration(1s), Duration(2s)}) {
    CAPTURE(block_time.count());
    ChainSim sim(4, 1);
    sim.block_time = block_time;
    sim.run(10min, kAllWell);
    INFO(story(sim));
    CHECK(sim.leaves == 0);
    CHECK(sim.health.rotation() == 0b1111);
  }
}

TEST_CASE("random scripts: the invariants hold throughout, and all are well in the end") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Random dice(seed);
    ChainSim sim(1 + dice.below(8), seed + 1000);
    sim.calls_per_s = static_cast<double>(dice.below(300));
    sim.head_may_fall = true;
    sim.block_time = static_cast<Duration::rep>(1 + dice.below(12)) * 1s;
    sim.run(10min, [&](Duration t, Nodes& nodes) {
      if (dice.below(20) != 0) return;
      Node& node = nodes[dice.below(nodes.size())];
      node = Node{};
      switch (dice.below(10)) {
        case 0:
          node.refuses = true;
          break;
        case 1:
          node.silent = true;
          break;
        case 2:
          node.failing = dice.uniform();
          break;
        case 3:
          node.wrong_chain = true;
          break;
        case 4:
          node.frozen_at = t;
          break;
        case 5:
          node.head_offset = -static_cast<std::int64_t>(dice.below(20));
          break;
        case 6:
          node.latency = static_cast<Duration::rep>(dice.below(900)) * 1ms;
          break;
        default:
          break;
      }
    });
    sim.run(2min, [](Duration, Nodes& nodes) {
      for (Node& node : nodes) node = Node{};
    });
    INFO(story(sim));
    CHECK(sim.health.rotation() == bit_of(sim.health.size()) - 1);
    CHECK_FALSE(sim.health.panic());
    CHECK(sim.health.chain_head() + 1 >= sim.true_head());
    CHECK(sim.health.chain_head() <= sim.true_head() + 1);
  }
}

TEST_CASE("more than 64 upstreams are not taken on") {
  ChainHealth health({}, 100);
  CHECK(health.size() == 64);
}

}  // namespace sluice::policy
