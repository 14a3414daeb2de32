// SPDX-License-Identifier: Apache-2.0
#include "policy/outlier.hpp"

#include <array>
#include <cmath>
#include <vector>

#include "policy/binomial.hpp"
#include "policy/chain_health.hpp"
#include "support/catch.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

constexpr std::size_t kClasses = 3;
constexpr UpstreamSet kAll = ~UpstreamSet{0};

/// What one upstream does with the calls that it is given.
struct Way {
  std::array<double, kClasses> failing{};
  std::array<double, kClasses> takes_s{0.01, 0.05, 0.2};
  bool silent = false;
};

struct Chain {
  std::vector<Way> ways;
  std::vector<double> per_tick = {4, 2, 1};  // calls of each class at each upstream
  OutlierDetector detector{{}, 8};
  Random random{7};
  Duration t = 100s;
  std::uint32_t stuck = 0;

  explicit Chain(std::size_t n) : ways(n) {}

  void tick() {
    t += 100ms;
    for (std::size_t u = 0; u < ways.size(); ++u) {
      std::array<ClassTraffic, kClasses> traffic{};
      for (std::size_t c = 0; c < kClasses; ++c) {
        const auto whole = static_cast<std::uint32_t>(per_tick[c]);
        const std::uint32_t calls = whole + (random.uniform() < per_tick[c] - whole ? 1U : 0U);
        if (ways[u].silent) {
          stuck += calls;
          traffic[c].in_flight = stuck;
          continue;
        }
        for (std::uint32_t i = 0; i < calls; ++i) {
          if (random.uniform() < ways[u].failing[c]) {
            ++traffic[c].failures;
          } else {
            ++traffic[c].successes;
            traffic[c].log_seconds += std::log(ways[u].takes_s[c]) + 0.5 * random.uniform() - 0.25;
          }
        }
      }
      detector.report(u, traffic, at(t));
    }
  }
  /// How long until `upstream` is surely found to be `what`; a minute at most.
  Duration until(std::size_t upstream, Outlier what) {
    for (Duration passed = 0s; passed < 60s; passed += 100ms) {
      tick();
      const Finding finding = detector.judge(upstream, kAll, false, at(t));
      if (finding.sure && finding.what == what) return passed;
    }
    return 60s;
  }
  void run(Duration span) {
    for (Duration passed = 0s; passed < span; passed += 100ms) tick();
  }
  Outlier now(std::size_t upstream) const {
    const Finding finding = detector.judge(upstream, kAll, false, at(t));
    return finding.sure ? finding.what : Outlier::kNone;
  }
};

}  // namespace

TEST_CASE("binomial tails against known values") {
  CHECK(at_least(0, 10, 0.3) == 1.0);
  CHECK(at_least(11, 10, 0.3) == 0.0);
  CHECK(at_least(5, 10, 0.5) == Approx(0.623046875));
  CHECK(at_least(7, 25, 0.05) == Approx(1.7e-4).epsilon(0.03));
  CHECK(at_least(10, 10, 0.5) == Approx(std::pow(0.5, 10)));
  CHECK(at_most(0, 14, 0.2) == Approx(std::pow(0.8, 14)));
  CHECK(at_most(500, 1000, 0.5) == Approx(0.5126).epsilon(0.001));
  CHECK(at_least(100'000, 1'000'000, 0.1) == Approx(0.5).margin(0.001));
  CHECK(at_least(3, 10, 0.0) == 0.0);
  CHECK(at_least(3, 10, 1.0) == 1.0);
  sluice::test::check_property("tails are probabilities, monotone, and add up", [] {
    const auto n = *rc::gen::inRange(1U, 2000U);
    const auto k = *rc::gen::inRange(0U, n + 1);
    const double p = *rc::gen::inRange(1, 1000) / 1000.0;
    const double tail = at_least(k, n, p);
    RC_ASSERT(tail >= 0.0 && tail <= 1.0);
    RC_ASSERT(at_least(k + 1, n, p) <= tail + 1e-12);
    RC_ASSERT(std::fabs(tail + (k == 0 ? 0.0 : at_most(k - 1, n, p)) - 1.0) < 1e-6);
  });
}

TEST_CASE(
    "an upstream that fails more often than its peers is found, with one peer alone as well") {
  for (const std::size_t n : {2U, 3U, 8U}) {
    CAPTURE(n);
    Chain chain(n);
    chain.run(20s);
    CHECK(chain.now(0) == Outlier::kNone);
    chain.ways[0].failing = {0.3, 0.3, 0.3};
    CHECK(chain.until(0, Outlier::kErrors) <= 2s);
    for (std::size_t i = 1; i < n; ++i) CHECK(chain.now(i) == Outlier::kNone);
  }
}

TEST_CASE("what all fail at takes nobody out, and neither does one in a hundred") {
  for (const double share : {0.01, 0.3, 1.0}) {
    CAPTURE(share);
    Chain chain(3);
    chain.run(10s);
    for (Way& way : chain.ways) way.failing = {share, share, share};
    for (int i = 0; i < 600; ++i) {
      chain.tick();
      for (std::size_t u = 0; u < 3; ++u) REQUIRE(chain.now(u) == Outlier::kNone);
    }
  }
}

TEST_CASE("one class that fails is no reason, unless it is all there is") {
  Chain chain(3);
  SECTION("others are in use") {
    chain.run(10s);
    for (const double share : {0.3, 1.0}) {
      chain.ways[0].failing = {share, 0.01, 0.01};
      CHECK(chain.until(0, Outlier::kErrors) == 60s);
    }
  }
  SECTION("it is the only one") {
    chain.per_tick = {4, 0, 0};
    chain.run(70s);
    chain.ways[0].failing = {1.0, 0, 0};
    CHECK(chain.until(0, Outlier::kErrors) <= 1s);
  }
}

TEST_CASE("an upstream that became slow in two classes is found; one class, or always, is not") {
  Chain chain(3);
  SECTION("ten times slower") {
    chain.run(20s);
    chain.ways[0].takes_s = {0.1, 0.5, 2.0};
    CHECK(chain.until(0, Outlier::kSlow) <= 5s);
    CHECK(chain.now(1) == Outlier::kNone);
  }
  SECTION("twice is not worth it") {
    chain.run(20s);
    chain.ways[0].takes_s = {0.02, 0.1, 0.4};
    CHECK(chain.until(0, Outlier::kSlow) == 60s);
  }
  SECTION("one class only") {
    chain.run(20s);
    chain.ways[0].takes_s = {0.01, 0.05, 2.0};
    CHECK(chain.until(0, Outlier::kSlow) == 60s);
  }
  SECTION("one class, which is all there is") {
    chain.per_tick = {4, 0, 0};
    chain.run(20s);
    chain.ways[0].takes_s = {0.1, 0, 0};
    CHECK(chain.until(0, Outlier::kSlow) <= 5s);
  }
  SECTION("it always was") {
    chain.ways[0].takes_s = {0.1, 0.5, 2.0};
    CHECK(chain.until(0, Outlier::kSlow) == 60s);
  }
  SECTION("all of them became slow") {
    chain.run(20s);
    for (Way& way : chain.ways) way.takes_s = {0.1, 0.5, 2.0};
    CHECK(chain.until(0, Outlier::kSlow) == 60s);
  }
}

TEST_CASE("silence: calls in flight and no answer, while a peer answers") {
  Chain chain(2);
  chain.run(20s);
  chain.ways[0].silent = true;
  SECTION("found soon") {
    CHECK(chain.until(0, Outlier::kSilent) <= 1s);
  }
  SECTION("not when the peer is as silent: then it is the proxy that is cut off") {
    chain.ways[1].silent = true;
    CHECK(chain.until(0, Outlier::kSilent) == 60s);
  }
  SECTION("one call alone is a reason to probe, no more") {
    chain.per_tick = {0, 0, 0};
    for (int i = 0; i < 8; ++i) {
      chain.t += 100ms;
      const std::array<ClassTraffic, 1> one{ClassTraffic{.in_flight = 1}};
      chain.detector.report(0, one, at(chain.t));
    }
    const Finding finding = chain.detector.judge(0, kAll, false, at(chain.t));
    CHECK(finding.what == Outlier::kSilent);
    CHECK_FALSE(finding.sure);
  }
}

TEST_CASE("a node that became slower for good is let in again, and stays") {
  constexpr std::array kTakes{0.01, 0.05, 0.2};
  ChainHealth health({}, 3);
  Random random(5);
  Duration t = 100s;
  std::size_t left = 0;
  const auto count = [&](std::span<const RotationChange> changes) {
    for (const RotationChange& change : changes) {
      if (change.upstream == 0 && change.to == Serving::kOut) ++left;
    }
  };
  const auto run = [&](Duration span, double slower) {
    for (const Duration end = t + span; t < end; t += 100ms) {
      for (std::uint32_t u = 0; u < 3; ++u) {
        const double factor = u == 0 ? slower : 1.0;
        std::array<ClassTraffic, 3> traffic{};
        for (std::size_t c = 0; c < 3; ++c) {
          if (health.serving(u) == Serving::kOut) break;
          traffic[c].successes = 2;
          traffic[c].log_seconds = 2 * std::log(kTakes[c] * factor) + random.uniform() - 0.5;
        }
        health.traffic(u, traffic, at(t));
      }
      count(health.judge(at(t), random));
      for (std::uint32_t u = 0; u < 3 && t.count() % Duration(2s).count() == 0; ++u) {
        const auto klass = health.upstream(u).probe_class();
        const double takes = klass ? kTakes[*klass] * (u == 0 ? slower : 1.0) : 0.0;
        count(health.probe_ok(u,
                              {.head = 100,
                               .chain_verified = true,
                               .latency = 1ms,
                               .representative = klass.has_value(),
                               .class_time = Duration(static_cast<Duration::rep>(takes * 1e9))},
                              at(t), random));
      }
      count(health.tick(at(t)));
    }
  };
  run(60s, 1.0);
  REQUIRE(left == 0);
  run(30s, 10.0);
  REQUIRE(left == 1);
  run(10min, 10.0);
  CHECK(left == 1);
  CHECK(health.serving(0) == Serving::kIn);
}

}  // namespace sluice::policy
