// SPDX-License-Identifier: Apache-2.0
#include "policy/probe_plan.hpp"

#include <functional>

#include "support/catch.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

/// Probes within a minute, for an upstream that looks the same all the time.
int probes_in_a_minute(const std::function<ProbeView(Duration)>& view) {
  ProbePlan plan({});
  Random random(3);
  int probes = 0;
  for (Duration t = 100s; t < 160s; t += 100ms) {
    if (!plan.due(view(t), at(t), random)) continue;
    plan.sent(at(t));
    ++probes;
  }
  return probes;
}

}  // namespace

TEST_CASE("how often an upstream is probed") {
  const auto probes = [](const ProbeView& view) {
    return probes_in_a_minute([&](Duration) { return view; });
  };
  CHECK(probes({.well = true}) == Approx(30).margin(3));
  CHECK(probes({.well = true, .spare = true}) == Approx(8).margin(1));
  CHECK(probes({.well = false}) == Approx(120).margin(12));
  // One after the other while they are good, ever slower once they fail.
  CHECK(probes({.well = false, .returning = true}) == Approx(300).margin(60));
  CHECK(probes({.well = false, .returning = true, .failed = 9}) == Approx(40).margin(5));
  CHECK(probes({.well = true, .suspect = true}) >= 100);
  // Behind by a block: it is asked soon whether it has it by now.
  CHECK(probes({.well = true, .successes = 10, .lag = 1}) == Approx(120).margin(12));
}

TEST_CASE("live traffic spares probes, while heads stay fresh") {
  const auto head_every = [](Duration block, bool calls_tell, std::uint32_t failures = 0) {
    return [=](Duration t) {
      const Duration moved = t - t % block;
      return ProbeView{.well = true,
                       .successes = 10,
                       .failures = failures,
                       .head_at = calls_tell ? at(t) : at(moved),
                       .moved_at = at(moved),
                       .block_time = block};
    };
  };
  // A block every 12 s: asked for again when one is due.
  CHECK(probes_in_a_minute(head_every(12s, false)) <= 10);
  CHECK(probes_in_a_minute(head_every(12s, true)) <= 3);
  // Every 2 s: only where calls tell the head.
  CHECK(probes_in_a_minute(head_every(2s, true)) <= 3);
  // Calls that fail spare nothing.
  CHECK(probes_in_a_minute(head_every(12s, true, 3)) >= 27);
}

TEST_CASE("a change for the worse is not left to the old plan") {
  ProbePlan plan({});
  Random random(3);
  REQUIRE(plan.due({.well = true}, at(10s), random));
  plan.sent(at(10s));
  CHECK_FALSE(plan.due({.well = true}, at(10300ms), random));
  CHECK(plan.due({.well = true, .suspect = true}, at(10400ms), random));
  plan.sent(at(10400ms));
  CHECK(plan.due({.well = false}, at(11s), random));
}

TEST_CASE("probes: never more often than the shortest pause, never seldomer than the longest") {
  sluice::test::check_property("bounded", [] {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    ProbePlan plan({});
    Random random(seed);
    Duration last = 0s;
    for (Duration t = 100s; t < 300s; t += 100ms) {
      const ProbeView view{.well = random.below(2) == 0,
                           .returning = random.below(4) == 0,
                           .suspect = random.below(20) == 0,
                           .successes = static_cast<std::uint32_t>(random.below(20)),
                           .failures = static_cast<std::uint32_t>(random.below(3)),
                           .lag = random.below(3),
                           .head_at = at(t),
                           .moved_at = at(t - 3s),
                           .block_time = 12s};
      if (!plan.due(view, at(t), random)) continue;
      plan.sent(at(t));
      if (last != 0s) {
        RC_ASSERT(t - last >= 200ms);
        RC_ASSERT(t - last <= 33s);
      }
      last = t;
    }
    RC_ASSERT(last != 0s);
  });
}

}  // namespace sluice::policy
