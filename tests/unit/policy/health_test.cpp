// SPDX-License-Identifier: Apache-2.0
#include "policy/health.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

const ProbeOk kGood{.head = 100, .chain_verified = true, .syncing = false, .latency = 20ms};

struct Upstream {
  Random random{1};
  UpstreamHealth health;

  explicit Upstream(const HealthOptions& options = {}) : health(options) {}

  void good(Duration t, const HeadStanding& standing = {}) {
    health.probe_ok(kGood, standing, at(t), random);
  }
  void bad(Duration t, ProbeFailure failure = ProbeFailure::kTimeout) {
    health.probe_failed(failure, at(t), random);
  }
  void calls(Duration t, const Passive& passive) { health.passive(passive, at(t), random); }
  void fail(Duration t, std::uint32_t n) {
    calls(t, {.successes = 0, .failures = n, .connect_failures = 0, .consecutive_failures = n});
  }
};

}  // namespace

TEST_CASE("an upstream starts unknown and is up after its first good probe of the right chain") {
  Upstream u;
  CHECK(u.health.state() == HealthState::kUnknown);
  CHECK(u.health.reason() == DownReason::kNotProbed);
  CHECK_FALSE(u.health.proven());
  CHECK(u.health.score(0, at(0s)).total() == 0.0);
  SECTION("not without the chain id") {
    u.health.probe_ok({.head = 5, .chain_verified = false, .latency = 1ms}, {}, at(0s), u.random);
    CHECK(u.health.state() == HealthState::kUnknown);
  }
  SECTION("not by calls") {
    u.calls(0s, {.successes = 100});
    CHECK(u.health.state() == HealthState::kUnknown);
  }
  SECTION("not while it is behind") {
    u.good(0s, {.lag = 50});
    CHECK(u.health.state() == HealthState::kDown);
    CHECK(u.health.reason() == DownReason::kLagging);
    u.good(2s, {.lag = 3});
    CHECK(u.health.state() == HealthState::kUp);
  }
  SECTION("a failed probe first") {
    u.bad(0s, ProbeFailure::kConnect);
    CHECK(u.health.state() == HealthState::kDown);
    CHECK(u.health.reason() == DownReason::kUnreachable);
    u.health.tick(at(10s));
    CHECK(u.health.state() == HealthState::kDown);
  }
  u.good(20s);
  CHECK(u.health.state() == HealthState::kUp);
  CHECK(u.health.reason() == DownReason::kNone);
  CHECK(u.health.ejections() == 0);
}

TEST_CASE("what takes an upstream down") {
  struct Row {
    const char* name;
    std::vector<Passive> reports;
    DownReason reason;  // kNone: stays up
  };
  const std::vector<Row> rows = {
      {"four failures", {{0, 4, 0, 4}}, DownReason::kNone},
      {"five failures", {{0, 5, 0, 5}}, DownReason::kFailures},
      {"five over two reports", {{0, 3, 0, 3}, {0, 2, 0, 2}}, DownReason::kFailures},
      {"five over two reports, quiet between",
       {{0, 3, 0, 3}, {}, {0, 2, 0, 2}},
       DownReason::kFailures},
      {"a success between", {{0, 4, 0, 4}, {1, 0, 0, 0}, {0, 4, 0, 4}}, DownReason::kNone},
      {"a run that began in the report before",
       {{0, 2, 0, 2}, {0, 1, 0, 3}, {0, 2, 0, 5}},
       DownReason::kFailures},
      {"many failures between successes", {{50, 40, 0, 1}, {50, 40, 0, 4}}, DownReason::kNone},
      {"a run at the end of a mixed report", {{100, 5, 0, 5}}, DownReason::kFailures},
      {"two connect failures", {{0, 2, 2, 2}}, DownReason::kNone},
      {"three connect failures", {{0, 3, 3, 3}}, DownReason::kUnreachable},
      {"three connect failures one by one",
       {{0, 1, 1, 1}, {0, 1, 1, 2}, {0, 1, 1, 3}},
       DownReason::kUnreachable},
      {"crash within a report", {{80, 3, 3, 3}}, DownReason::kUnreachable},
      {"connects among other failures",
       {{0, 1, 1, 1}, {0, 1, 0, 2}, {0, 1, 1, 3}, {0, 1, 1, 4}},
       DownReason::kNone},
      {"nothing at all", {{}, {}, {}}, DownReason::kNone},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Upstream u;
    u.good(0s);
    Duration t = 100ms;
    for (const Passive& report : row.reports) u.calls(t += 100ms, report);
    CHECK(u.health.reason() == row.reason);
    CHECK((u.health.state() == HealthState::kUp) == (row.reason == DownReason::kNone));
    CHECK(u.health.ejections() == (row.reason == DownReason::kNone ? 0U : 1U));
  }
}

TEST_CASE("probes alone take it down after three, the reason tells how they failed") {
  for (const auto failure :
       {ProbeFailure::kConnect, ProbeFailure::kTimeout, ProbeFailure::kBadReply}) {
    Upstream u;
    u.good(0s);
    u.bad(2s, failure);
    u.bad(4s, failure);
    CHECK(u.health.state() == HealthState::kUp);
    u.bad(6s, failure);
    CHECK(u.health.state() == HealthState::kDown);
    CHECK(u.health.reason() ==
          (failure == ProbeFailure::kConnect ? DownReason::kUnreachable : DownReason::kFailures));
  }
}

TEST_CASE("silence towards calls and probes alike takes it down sooner") {
  Upstream u;
  u.good(0s);
  SECTION("by one probe") {
    u.bad(2s, ProbeFailure::kSilent);
    CHECK(u.health.reason() == DownReason::kSilent);
    CHECK_FALSE(u.health.answers());
  }
  SECTION("by what calls show, when that is sure") {
    u.health.outlier({.what = Outlier::kSilent}, at(2s), u.random);
    CHECK(u.health.state() == HealthState::kUp);
    u.health.outlier({.what = Outlier::kSilent, .sure = true}, at(2s), u.random);
    CHECK(u.health.reason() == DownReason::kSilent);
    CHECK_FALSE(u.health.answers());
  }
}

TEST_CASE("failed probes are outvoted by calls that succeed, failed calls not by good probes") {
  Upstream u;
  u.good(0s);
  for (int i = 1; i < 50; ++i) {
    u.bad(i * 2s);
    u.calls(i * 2s + 1s, {.successes = 1});
  }
  CHECK(u.health.state() == HealthState::kUp);
  for (int i = 50; i < 55; ++i) {
    u.good(i * 2s);
    u.fail(i * 2s + 1s, 1);
  }
  CHECK(u.health.state() == HealthState::kDown);
}

TEST_CASE("a wrong chain takes it down at once, until a probe of the chain id is right") {
  Upstream u;
  u.good(0s);
  u.health.wrong_chain(at(1s), u.random);
  CHECK(u.health.reason() == DownReason::kWrongChain);
  CHECK_FALSE(u.health.proven());
  CHECK(u.health.score(0, at(1s)).total() == 0.0);
  for (int i = 1; i < 100; ++i) {
    u.health.probe_ok({.head = 100, .chain_verified = false, .latency = 1ms}, {}, at(i * 2s),
                      u.random);
    u.health.tick(at(i * 2s + 1s));
    REQUIRE(u.health.state() == HealthState::kDown);
    REQUIRE(u.health.reason() == DownReason::kWrongChain);
  }
  u.good(300s);
  CHECK(u.health.state() == HealthState::kUp);
}

TEST_CASE("no return without a good probe after the leave, and not before its time") {
  Upstream u;
  u.good(0s);
  u.fail(10s, 5);
  SECTION("time alone does not bring it back, nor do calls") {
    u.health.tick(at(60s));
    CHECK(u.health.state() == HealthState::kProbation);
    u.calls(61s, {.successes = 50});
    CHECK(u.health.state() == HealthState::kProbation);
    u.bad(62s);
    CHECK(u.health.state() == HealthState::kProbation);
    u.good(64s);
    CHECK(u.health.state() == HealthState::kUp);
  }
  SECTION("a good probe within the time counts when it is over") {
    u.good(10s + 100ms);
    CHECK(u.health.state() == HealthState::kDown);
    u.health.tick(at(11s));
    CHECK(u.health.state() == HealthState::kUp);
  }
  SECTION("but not if a later one failed") {
    u.good(10s + 100ms);
    u.bad(10s + 200ms);
    u.health.tick(at(12s));
    CHECK(u.health.state() == HealthState::kProbation);
  }
  SECTION("repaired after a long outage it is back with the next probe") {
    for (int i = 6; i < 300; ++i) u.bad(i * 2s);
    CHECK(u.health.ejections() == 1);
    u.good(600s);
    CHECK(u.health.state() == HealthState::kUp);
  }
}

TEST_CASE("what was found while it was out is no reason to leave again on its return") {
  Upstream u;
  u.good(0s);
  const Finding errors{.what = Outlier::kErrors, .sure = true, .klass = 1, .share = 0.9};
  u.health.outlier(errors, at(10s), u.random);
  REQUIRE(u.health.state() == HealthState::kDown);
  // Nobody was there, so that the class it failed at need not be asked.
  u.calls(10s, {.failures = 3, .connect_failures = 3, .consecutive_failures = 3});
  u.good(10s + 500ms);
  u.health.outlier(errors, at(12s), u.random);
  CHECK(u.health.state() == HealthState::kUp);
}

TEST_CASE("the time out doubles with each leave up to its maximum, jittered, and is forgiven") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Upstream u;
    u.random = Random(seed);
    u.good(0s);
    Duration t = 0s;
    for (std::uint32_t n = 1; n <= 12; ++n) {
      t += 1s;
      u.fail(t, 5);
      REQUIRE(u.health.ejections() == n);
      u.good(t);
      const Duration most = std::min<Duration>(60s, 1s * (1LL << (n - 1)));
      const Duration left = t;
      while (u.health.state() != HealthState::kUp) u.health.tick(at(t += 10ms));
      REQUIRE(t - left >= most * 8 / 10 - 10ms);
      REQUIRE(t - left <= most + 10ms);
    }
    // One doubling back per healthy ten seconds.
    u.health.tick(at(t + 9s));
    CHECK(u.health.ejections() == 12);
    u.health.tick(at(t + 10s));
    CHECK(u.health.ejections() == 11);
    u.health.tick(at(t + 55s));
    CHECK(u.health.ejections() == 7);
    u.health.tick(at(t + 1h));
    CHECK(u.health.ejections() == 0);
  }
}

TEST_CASE("a lag is borne for a time, unless the upstream says that it is syncing, or is frozen") {
  Upstream u;
  u.good(0s);
  SECTION("up to `out` for ever") {
    for (Duration t{0}; t < 1h; t += 2s) u.good(t, {.lag = 3});
    CHECK(u.health.state() == HealthState::kUp);
  }
  SECTION("more for out_time") {
    Duration t = 10s;
    for (; u.health.state() == HealthState::kUp; t += 2s) u.good(t, {.lag = 4});
    CHECK(t - 2s == 40s);
    CHECK(u.health.reason() == DownReason::kLagging);
    u.good(60s, {.lag = 4});
    CHECK(u.health.state() != HealthState::kUp);
    u.good(62s, {.lag = 2});
    CHECK(u.health.state() == HealthState::kUp);
  }
  SECTION("catching up in between starts the time anew") {
    for (Duration t = 10s; t < 300s; t += 2s) u.good(t, {.lag = t % 20s == 0s ? 3U : 9U});
    CHECK(u.health.state() == HealthState::kUp);
  }
  SECTION("syncing and behind is out at once, syncing alone means nothing") {
    ProbeOk syncing = kGood;
    syncing.syncing = true;
    u.health.probe_ok(syncing, {.lag = 2}, at(10s), u.random);
    CHECK(u.health.state() == HealthState::kUp);
    u.health.probe_ok(syncing, {.lag = 4}, at(12s), u.random);
    CHECK(u.health.reason() == DownReason::kSyncing);
  }
  SECTION("frozen is out at once") {
    u.good(10s, {.lag = 2, .frozen = true});
    CHECK(u.health.reason() == DownReason::kFrozen);
    u.good(20s, {.lag = 9, .frozen = true});
    CHECK(u.health.state() != HealthState::kUp);
    u.good(22s, {.lag = 0});
    CHECK(u.health.state() == HealthState::kUp);
  }
}

TEST_CASE("the score is monotone in what it is made of") {
  const auto score = [](std::uint32_t successes, std::uint32_t failures, std::uint64_t lag,
                        Duration latency, bool distrusted) {
    Upstream u;
    u.health.probe_ok({.head = 1, .chain_verified = true, .latency = latency},
                      {.lag = lag, .distrusted = distrusted}, at(0s), u.random);
    u.calls(0s, {.successes = successes, .failures = failures});
    const double total = u.health.score(0.02, at(0s)).total();
    REQUIRE((total >= 0 && total <= 1));
    return total;
  };
  CHECK(score(100, 0, 0, 20ms, false) == Approx(1.0));
  CHECK(score(0, 0, 0, 20ms, false) == Approx(1.0));
  for (std::uint32_t i = 0; i < 30; ++i) {
    CHECK(score(50, i + 1, 0, 20ms, false) < score(50, i, 0, 20ms, false));
    CHECK(score(i + 1, 20, 0, 20ms, false) > score(i, 20, 0, 20ms, false));
    CHECK(score(50, 5, i + 1, 20ms, false) <= score(50, 5, i, 20ms, false));
    CHECK(score(50, 5, 1, (i + 1) * 20ms, false) <= score(50, 5, 1, i * 20ms, false));
  }
  CHECK(score(50, 0, 0, 20ms, true) < score(50, 0, 0, 20ms, false));
}

TEST_CASE("random histories: up means proven, out means a reason, down lasts its time") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Random dice(seed);
    Upstream u;
    u.random = Random(seed + 1000);
    Duration t{0};
    std::optional<Duration> left;
    bool probed_well = false;
    for (int step = 0; step < 3000; ++step) {
      t += Duration(static_cast<Duration::rep>(dice.below(3'000'000'000)));
      const HealthState before = u.health.state();
      const HeadStanding standing{.lag = dice.below(8), .frozen = dice.below(30) == 0};
      const auto what = dice.below(10);
      if (what < 4) {
        u.good(t, standing);
        probed_well = true;
      } else if (what < 5) {
        u.bad(t, static_cast<ProbeFailure>(dice.below(3)));
      } else if (what < 8) {
        const auto n = static_cast<std::uint32_t>(dice.below(6));
        if (dice.below(2) == 0) {
          u.calls(t, {.successes = n + 1});
        } else {
          u.fail(t, n);
        }
      } else if (what < 9) {
        u.health.tick(at(t));
      } else if (dice.below(20) == 0) {
        u.health.wrong_chain(at(t), u.random);
      }
      const bool up = u.health.state() == HealthState::kUp;
      REQUIRE((u.health.reason() == DownReason::kNone) == up);
      if (up) REQUIRE(u.health.proven());
      if (before == HealthState::kUp && !up) {
        left = t;
        probed_well = false;
      }
      if (before != HealthState::kUp && up) {
        REQUIRE(probed_well);
        if (left) REQUIRE(t - *left >= 800ms);
      }
      const double score = u.health.score(0.01, at(t)).total();
      REQUIRE((score >= 0 && score <= 1));
    }
  }
}

}  // namespace sluice::policy
