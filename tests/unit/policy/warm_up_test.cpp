// SPDX-License-Identifier: Apache-2.0
#include "policy/warm_up.hpp"

#include <vector>

#include "policy/chain_health.hpp"
#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {

using namespace test;

namespace {

const ProbeOk kGood{.head = 100, .chain_verified = true, .syncing = false, .latency = 20ms};
const HealthOptions kWarm{.eject_base = 1s, .warm_up_max = 2s};

struct Chain {
  explicit Chain(std::size_t n, const HealthOptions& options = kWarm) : health(options, n) {
    for (std::uint32_t i = 0; i < n; ++i) good(i, 0s);
  }
  void good(std::uint32_t i, Duration t) {
    static_cast<void>(health.probe_ok(i, kGood, at(t), random));
  }
  void lose(std::uint32_t i, Duration t) {
    for (int k = 0; k < 3; ++k)
      static_cast<void>(health.probe_failed(i, ProbeFailure::kConnect, at(t), random));
  }
  Serving warm(std::uint32_t i, const WarmUpView& view, Duration t) {
    static_cast<void>(health.warm_up(i, view, at(t)));
    return health.serving(i);
  }

  Random random{1};
  ChainHealth health;
};

}  // namespace

TEST_CASE("what is said of a warm-up") {
  using enum WarmUpVerdict;
  struct Row {
    const char* name;
    WarmUpView view;
    Duration waited;
    WarmUpVerdict verdict;
  };
  const std::vector<Row> rows = {
      {"all are there", {.wanted = 2, .ready = 2, .under_way = 1}, 0s, kReady},
      {"none are wanted", {}, 0s, kReady},
      {"nothing has begun", {.wanted = 2}, 100ms, kWait},
      {"nothing was even tried", {.wanted = 2}, 2s, kReady},
      {"the first are dialled", {.wanted = 2, .under_way = 2}, 1s, kWait},
      {"a black hole: nothing comes of them", {.wanted = 2, .under_way = 2}, 2s, kFailed},
      {"a black hole: all have failed", {.wanted = 2, .failed = 2}, 500ms, kFailed},
      {"one has failed, one is awaited", {.wanted = 2, .under_way = 1, .failed = 1}, 1s, kWait},
      {"one is there, one is awaited", {.wanted = 2, .ready = 1, .under_way = 1}, 1s, kWait},
      {"one is there, one comes too late", {.wanted = 2, .ready = 1, .under_way = 1}, 2s, kReady},
      {"the node allows one", {.wanted = 2, .ready = 1, .failed = 1}, 100ms, kReady},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(judge_warm_up(row.view, row.waited, 2s) == row.verdict);
  }
}

TEST_CASE("a return waits until connections are warm") {
  Chain c(3);
  c.lose(0, 10s);
  REQUIRE(c.health.serving(0) == Serving::kOut);
  c.good(0, 12s);
  CHECK(c.health.serving(0) == Serving::kOut);
  CHECK(c.health.upstream(0).warming());
  CHECK(c.warm(0, {.wanted = 2, .under_way = 2}, 12100ms) == Serving::kOut);
  static_cast<void>(c.health.tick(at(12200ms)));
  CHECK(c.health.serving(0) == Serving::kOut);
  const auto changes = c.health.warm_up(0, {.wanted = 2, .ready = 2}, at(12300ms));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].to == Serving::kIn);
  CHECK(changes[0].out == 2300ms);
  CHECK_FALSE(c.health.upstream(0).warming());
}

TEST_CASE("a failed warm-up is a failed trial: the next good probe begins anew") {
  Chain c(3);
  c.lose(0, 10s);
  c.good(0, 12s);
  CHECK(c.warm(0, {.wanted = 2, .failed = 2}, 12100ms) == Serving::kOut);
  CHECK_FALSE(c.health.upstream(0).warming());
  for (Duration t = 12200ms; t < 60s; t += 100ms) static_cast<void>(c.health.tick(at(t)));
  CHECK(c.health.serving(0) == Serving::kOut);
  c.good(0, 60s);
  CHECK(c.warm(0, {.wanted = 2, .ready = 2}, 60100ms) == Serving::kIn);
}

TEST_CASE("what goes wrong meanwhile ends the wait") {
  Chain c(3);
  c.lose(0, 10s);
  c.good(0, 12s);
  SECTION("a failed probe") {
    static_cast<void>(c.health.probe_failed(0, ProbeFailure::kTimeout, at(12100ms), c.random));
  }
  SECTION("another chain") {
    static_cast<void>(c.health.wrong_chain(0, at(12100ms), c.random));
  }
  CHECK_FALSE(c.health.upstream(0).warming());
  CHECK(c.warm(0, {.wanted = 2, .ready = 2}, 12200ms) == Serving::kOut);
}

TEST_CASE("nothing is waited for where nobody else serves, nor at first, nor when switched off") {
  SECTION("the only one") {
    Chain c(1);
    c.lose(0, 10s);
    c.good(0, 12s);
    CHECK(c.health.serving(0) == Serving::kIn);
  }
  SECTION("the others go while it waits") {
    Chain c(2);
    c.lose(0, 10s);
    c.good(0, 12s);
    CHECK(c.health.upstream(0).warming());
    c.lose(1, 12100ms);
    static_cast<void>(c.health.tick(at(12200ms)));
    CHECK(c.health.upstream(0).state() == HealthState::kUp);
    CHECK(c.health.serving(0) == Serving::kIn);
  }
  SECTION("panic: one of four is up") {
    Chain c(4);
    for (const std::uint32_t i : {0U, 1U, 2U}) c.lose(i, 10s);
    REQUIRE(c.health.panic());
    c.good(0, 12s);
    CHECK(c.health.upstream(0).state() == HealthState::kUp);
  }
  SECTION("one that is new") {
    Chain c(2);
    CHECK(c.health.serving(1) == Serving::kIn);
  }
  SECTION("switched off") {
    Chain c(2, {.eject_base = 1s});
    c.lose(0, 10s);
    c.good(0, 12s);
    CHECK(c.health.serving(0) == Serving::kIn);
  }
}

}  // namespace sluice::policy
