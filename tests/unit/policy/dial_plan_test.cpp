// SPDX-License-Identifier: Apache-2.0
#include "policy/dial_plan.hpp"

#include <cstdint>
#include <vector>

#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

TEST_CASE("what is missing is dialled at once, up to a few at a time") {
  struct Row {
    const char* name;
    PoolCount count;
    std::uint32_t dials;
  };
  for (const Row& row : {
           Row{"nothing to do", {}, 0},
           Row{"a target", {.target = 3}, 3},
           Row{"a target that is there", {.busy = 1, .idle = 1, .connecting = 1, .target = 3}, 0},
           Row{"a call waits", {.waiting = 1}, 2},
           Row{"one that waits is dialled for", {.connecting = 2, .waiting = 1}, 0},
           Row{"a large target", {.target = 100}, 8},
           Row{"handshakes enough", {.connecting = 8, .target = 100}, 0},
           Row{"the last was taken: one ahead", {.busy = 4}, 1},
           Row{"more are idle than needed", {.busy = 1, .idle = 9}, 0},
       }) {
    INFO(row.name);
    CHECK(DialPlan().dials(row.count, at(0s)) == row.dials);
  }
}

TEST_CASE("handshakes double while calls wait, fall back when none does, and halve with failures") {
  DialPlan plan;
  CHECK(plan.at_once() == 8);
  plan.established(1ms, true);
  CHECK(plan.at_once() == 16);
  for (int i = 0; i < 20; ++i) plan.established(1ms, true);
  CHECK(plan.at_once() == 128);
  plan.established(1ms, false);
  CHECK(plan.at_once() == 8);
  for (const std::uint32_t left : {4U, 2U, 1U, 1U}) {
    plan.failed();
    CHECK(plan.at_once() == left);
  }
  // Workers share the handshakes of an upstream; each may always make two.
  CHECK(DialPlan(4).at_once() == 2);
  CHECK(DialPlan(64).at_once() == 2);
}

TEST_CASE("a backlog does not get one connection for each call") {
  // 100 calls a second of 20 ms each: two are busy on average, five with their swing.
  DialPlan plan;
  for (int i = 0; i < 200; ++i) plan.answered(20ms);
  CHECK(plan.response_s() == Approx(0.02));
  TimePoint now = at(0s);
  for (int i = 0; i < 10; ++i) {
    plan.called();
    now += 10ms;
    static_cast<void>(plan.dials({.waiting = 1}, now));
  }
  CHECK(plan.dials({.waiting = 60}, now) <= 6);
  // Nothing is known of a load that has just begun: then what waits is what there is.
  DialPlan fresh;
  CHECK(fresh.dials({.waiting = 60}, at(0s)) == 8);
}

TEST_CASE("who will be served before a handshake could end needs none of its own") {
  DialPlan plan;
  for (int i = 0; i < 100; ++i) plan.answered(10ms);
  plan.established(100ms, true);
  // Ten connections become free in each handshake's time for each that is busy.
  CHECK(plan.dials({.busy = 10, .waiting = 5}, at(0s)) == 1);
  CHECK(plan.dials({.busy = 0, .waiting = 5}, at(0s)) >= 5);
}

TEST_CASE(
    "whatever happens: never more at once than allowed, and a waiting call is not forgotten") {
  sluice::test::check_property("dials", [](const std::vector<std::uint32_t>& draws) {
    DialPlan plan(1);
    TimePoint now = at(0s);
    for (const std::uint32_t draw : draws) {
      now += std::chrono::microseconds(draw % 50'000);
      switch (draw % 5) {
        case 0:
          plan.called();
          break;
        case 1:
          plan.answered(std::chrono::microseconds(draw % 9'999));
          break;
        case 2:
          plan.established(std::chrono::microseconds(draw % 99'999), draw % 2 == 0);
          break;
        case 3:
          plan.failed();
          break;
        default:
          break;
      }
      const PoolCount count{.busy = draw % 7,
                            .idle = 0,
                            .connecting = draw % 11,
                            .waiting = draw % 13,
                            .target = draw % 17};
      const std::uint32_t dials = plan.dials(count, now);
      RC_ASSERT(dials == 0 || count.connecting + dials <= plan.at_once());
      RC_ASSERT(count.waiting == 0 || count.connecting + dials > 0);
    }
  });
}

}  // namespace
}  // namespace sluice::policy
