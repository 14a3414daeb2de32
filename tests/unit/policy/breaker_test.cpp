// SPDX-License-Identifier: Apache-2.0
#include "policy/breaker.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

struct Case {
  Random random{1};
  Breaker breaker;

  explicit Case(const BreakerOptions& options = {}) : breaker(options) {}

  BreakerPass call(Duration t, BreakerOutcome outcome) {
    const BreakerPass pass = breaker.take(at(t));
    breaker.record(pass, outcome, at(t), random);
    return pass;
  }
  void calls(Duration t, int n, BreakerOutcome outcome) {
    for (int i = 0; i < n; ++i) call(t, outcome);
  }
};

constexpr auto kOk = BreakerOutcome::kOk;
constexpr auto kFailed = BreakerOutcome::kFailed;
constexpr auto kNeutral = BreakerOutcome::kNeutral;

}  // namespace

TEST_CASE("a breaker opens at its ratio, and not before enough calls") {
  struct Row {
    const char* name;
    int ok;
    int failed;
    Duration later;  // between the good and the failed ones
    bool opens;
  };
  const std::vector<Row> rows = {
      {"nine failures", 0, 9, 0s, false},
      {"ten failures", 0, 10, 0s, true},
      {"half of ten", 5, 5, 0s, true},
      {"less than half", 11, 9, 0s, false},
      {"good calls long ago do not count", 1000, 10, 60s, true},
      {"a few good calls of a moment ago do", 12, 9, 100ms, false},
      {"but not against so many failures in a row", 10'000, 10, 0s, true},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Case c;
    c.calls(10s, row.ok, kOk);
    c.calls(10s + row.later, row.failed, kFailed);
    CHECK((c.breaker.state() == BreakerState::kOpen) == row.opens);
    CHECK(c.breaker.ready(at(10s + row.later)) != row.opens);
  }
}

TEST_CASE("failures that are far apart never open it, nor do calls that say nothing") {
  Case c;
  for (int i = 0; i < 1000; ++i) c.call(i * 10s, kFailed);
  CHECK(c.breaker.state() == BreakerState::kClosed);
  c.calls(0s, 1000, kNeutral);
  CHECK(c.breaker.state() == BreakerState::kClosed);
  CHECK(c.breaker.calls(at(3h)) == 0.0);
}

TEST_CASE("it tries a few calls after its time, closes when they go well, waits longer when not") {
  Case c({.open = 4s, .half_open = 2});
  c.calls(0s, 10, kFailed);
  REQUIRE(c.breaker.state() == BreakerState::kOpen);
  CHECK_FALSE(c.breaker.take(at(3100ms)).allowed);
  CHECK(c.breaker.opens_in(at(0s)) <= 4s);
  const BreakerPass first = c.breaker.take(at(4s));
  const BreakerPass second = c.breaker.take(at(4s));
  CHECK(first.probe);
  CHECK(second.probe);
  CHECK_FALSE(c.breaker.ready(at(4s)));
  CHECK_FALSE(c.breaker.take(at(4s)).allowed);
  SECTION("both well") {
    CHECK_FALSE(c.breaker.record(first, kOk, at(4s), c.random));
    CHECK(c.breaker.record(second, kOk, at(4s), c.random));
    CHECK(c.breaker.state() == BreakerState::kClosed);
    // What it counted before is forgotten.
    c.calls(4s, 9, kFailed);
    CHECK(c.breaker.state() == BreakerState::kClosed);
  }
  SECTION("one fails") {
    CHECK(c.breaker.record(second, kFailed, at(4s), c.random));
    CHECK(c.breaker.state() == BreakerState::kOpen);
    CHECK_FALSE(c.breaker.record(first, kOk, at(4s), c.random));
    CHECK_FALSE(c.breaker.ready(at(10s)));
    CHECK(c.breaker.ready(at(12s)));
  }
  SECTION("one was cancelled: its place is free again") {
    c.breaker.record(first, kNeutral, at(4s), c.random);
    CHECK(c.breaker.take(at(4s)).probe);
  }
  SECTION("both are lost: their places are free after a time") {
    CHECK_FALSE(c.breaker.ready(at(7s)));
    CHECK(c.breaker.take(at(8100ms)).probe);
  }
  SECTION("a call from before it opened says nothing") {
    CHECK_FALSE(c.breaker.record({}, kFailed, at(4s), c.random));
    CHECK(c.breaker.state() == BreakerState::kHalfOpen);
  }
}

TEST_CASE("open times double to the most, shortened by up to a fifth, and are forgiven") {
  Case c({.open = 1s, .open_max = 5s, .half_open = 1});
  Duration t = 100s;
  c.calls(t, 10, kFailed);
  for (const Duration most : {1s, 2s, 4s, 5s, 5s}) {
    CAPTURE(most.count());
    const Duration wait = c.breaker.opens_in(at(t));
    CHECK(wait <= most);
    CHECK(wait >= most * 79 / 100);
    t += wait;
    c.call(t, kFailed);
  }
  t += 5s;
  c.call(t, kOk);
  REQUIRE(c.breaker.state() == BreakerState::kClosed);
  SECTION("soon after: as long as before") {
    c.calls(t + 1s, 10, kFailed);
    CHECK(c.breaker.opens_in(at(t + 1s)) > 3900ms);
  }
  SECTION("long after: as the first time") {
    c.calls(t + 10s, 10, kFailed);
    CHECK(c.breaker.opens_in(at(t + 10s)) <= 1s);
  }
}

TEST_CASE("an operator's word stands above all, and afterwards it begins anew") {
  Case c;
  c.breaker.override_with(BreakerOverride::kClosed);
  c.calls(0s, 100, kFailed);
  CHECK(c.breaker.take(at(0s)).allowed);
  CHECK(c.breaker.ready(at(0s)));
  CHECK(c.breaker.state() == BreakerState::kClosed);
  c.breaker.override_with(BreakerOverride::kOpen);
  CHECK_FALSE(c.breaker.ready(at(1h)));
  CHECK_FALSE(c.breaker.take(at(1h)).allowed);
  CHECK(c.breaker.state() == BreakerState::kOpen);
  c.breaker.override_with(BreakerOverride::kNone);
  CHECK(c.breaker.overridden() == BreakerOverride::kNone);
  CHECK(c.breaker.take(at(1h)).allowed);
  CHECK(c.breaker.state() == BreakerState::kClosed);
}

TEST_CASE("very busy breakers keep their ratio") {
  Case c({.failure_ratio = 0.5, .window = 10s});
  for (int i = 0; i < 400'000; ++i) c.call(1s, i % 10 == 0 ? kFailed : kOk);
  CHECK(c.breaker.failure_share(at(1s)) == Approx(0.1).margin(0.01));
  CHECK(c.breaker.state() == BreakerState::kClosed);
}

TEST_CASE("breaker: whatever happens, few probes at a time, and it closes when all is well") {
  sluice::test::check_property("bounded and never stuck", [] {
    Case c({.failure_ratio = *rc::gen::element(0.1, 0.5, 1.0),
            .min_calls = *rc::gen::inRange(1U, 20U),
            .open = 1s,
            .half_open = *rc::gen::inRange(1U, 5U)});
    const std::uint32_t most = 5;
    Duration t = 0s;
    std::vector<BreakerPass> under_way;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100));
    for (const int step : steps) {
      t += step % 7 == 0 ? 400ms : 5ms;
      if (step < 50) {
        const bool ready = c.breaker.ready(at(t));
        const BreakerPass pass = c.breaker.take(at(t));
        RC_ASSERT(ready == pass.allowed);
        if (pass.allowed) under_way.push_back(pass);
      } else if (!under_way.empty() && step < 95) {
        const BreakerOutcome outcome = step < 70 ? kOk : step < 90 ? kFailed : kNeutral;
        c.breaker.record(under_way.back(), outcome, at(t), c.random);
        under_way.pop_back();
      } else {
        under_way.clear();  // lost
      }
      // In one instant a half-open breaker lets through no more than it may.
      if (c.breaker.state() == BreakerState::kHalfOpen) {
        std::vector<BreakerPass> extra;
        while (extra.size() <= most) {
          const BreakerPass pass = c.breaker.take(at(t));
          if (!pass.allowed) break;
          extra.push_back(pass);
        }
        RC_ASSERT(extra.size() <= most);
        for (const BreakerPass& pass : extra) c.breaker.record(pass, kNeutral, at(t), c.random);
      }
    }
    // From whatever state: good calls close it within its longest time.
    for (int i = 0; i < 200 && c.breaker.state() != BreakerState::kClosed; ++i) {
      t += 1s;
      c.call(t, kOk);
    }
    RC_ASSERT(c.breaker.state() == BreakerState::kClosed);
  });
}

TEST_CASE("several threads on one breaker: permits stay bounded, and it closes in the end") {
  Breaker breaker({.min_calls = 5, .open = 1ms, .half_open = 3});
  std::atomic<int> probes{0};
  std::atomic<bool> over{false};
  std::vector<std::jthread> threads;
  for (std::uint64_t n = 1; n <= 3; ++n) {
    threads.emplace_back([&, n] {
      Random random(n);
      // Permits do not lapse within a step of 100 us, so that all in flight are known.
      for (int i = 0; i < 20'000; ++i) {
        const TimePoint t = at(std::chrono::microseconds(100) * (i / 10));
        const BreakerPass pass = breaker.take(t);
        if (pass.probe) {
          if (++probes > 9) over = true;
          --probes;
        }
        breaker.record(pass, random.below(3) == 0 ? kOk : kFailed, t, random);
      }
    });
  }
  threads.clear();
  CHECK_FALSE(over);
  Random random(9);
  for (int i = 0; i < 200; ++i) {
    const TimePoint t = at(1h + i * 1s);
    breaker.record(breaker.take(t), kOk, t, random);
  }
  CHECK(breaker.state() == BreakerState::kClosed);
}

}  // namespace sluice::policy
