// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "policy/ewma.hpp"
#include "policy/score.hpp"
#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {

using namespace test;

TEST_CASE("the mean forgets by time, not by the number of samples") {
  TimeEwma slow(10s);
  CHECK_FALSE(slow.known());
  CHECK(slow.mean() == 0.0);
  slow.add(100, at(0s));
  CHECK(slow.mean() == 100.0);
  slow.add(0, at(10s));
  CHECK(slow.mean() == Approx(100 * std::exp(-1.0)));

  TimeEwma dense(10s);
  dense.add(100, at(0s));
  for (int i = 1; i <= 20; ++i) dense.add(0, at(i * 500ms));
  CHECK(dense.mean() == Approx(slow.mean()));
}

TEST_CASE("the mean stays between its samples, whatever the clock does") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    TimeEwma mean(1s);
    FadingCount count(1s);
    for (int i = 0; i < 1000; ++i) {
      const TimePoint now = at(Duration(static_cast<Duration::rep>(random.below(100'000'000'000))));
      mean.add(2 + 3 * random.uniform(), now);
      count.add(1, now);
      REQUIRE((mean.mean() >= 2 && mean.mean() <= 5));
      REQUIRE((count.at(now) >= 1 && count.at(now) <= i + 1));
    }
  }
}

TEST_CASE("a steady rate counts as rate x tau") {
  FadingCount count(10s);
  for (int i = 0; i < 10000; ++i) count.add(1, at(i * 10ms));
  CHECK(count.at(at(100s)) == Approx(1000).epsilon(0.01));
  CHECK(count.at(at(110s)) == Approx(1000 * std::exp(-1.0)).epsilon(0.01));
}

TEST_CASE("failing: nothing without evidence, more with more failures, less with more successes") {
  CHECK(surely_failing(0, 0) == 0.0);
  CHECK(surely_failing(1000, 0) == Approx(0.0).margin(1e-12));
  CHECK(surely_failing(0, 1) == Approx(0.5));
  CHECK(surely_failing(0, 1000) > 0.99);
  CHECK(surely_failing(700, 300) == Approx(0.3).margin(0.02));
  for (double s = 0; s < 60; s += 0.75) {
    for (double f = 0; f < 60; f += 0.75) {
      const double here = surely_failing(s, f);
      REQUIRE((here >= 0.0 && here <= 1.0));
      REQUIRE(surely_failing(s, f + 0.5) >= here - 1e-12);
      REQUIRE(surely_failing(s + 0.5, f) <= here + 1e-12);
      if (s + f > 0) REQUIRE(here <= f / (s + f) + 1e-12);
    }
  }
}

TEST_CASE("latency: a dead band of twice the peers, then ever less") {
  CHECK(latency_part(0, 0.02) == 1.0);
  CHECK(latency_part(0.02, 0) == 1.0);
  CHECK(latency_part(0.039, 0.02) == 1.0);
  CHECK(latency_part(0.08, 0.02) == Approx(0.5));
  double before = 1.0;
  for (double own = 0.001; own < 2; own *= 1.1) {
    const double part = latency_part(own, 0.02);
    REQUIRE((part > 0.0 && part <= before));
    REQUIRE(latency_part(own, 0.03) >= part);
    before = part;
  }
}

TEST_CASE("freshness: nothing up to `prefer`, half at `out` more, never rises with the lag") {
  CHECK(freshness_part(0, 1, 3) == 1.0);
  CHECK(freshness_part(1, 1, 3) == 1.0);
  CHECK(freshness_part(4, 1, 3) == Approx(0.5));
  CHECK(freshness_part(7, 1, 3) == Approx(0.25));
  CHECK(freshness_part(2, 1, 0) == Approx(0.5));
  double before = 1.0;
  for (std::uint64_t lag = 0; lag < 5000; ++lag) {
    const double part = freshness_part(lag, 1, 3);
    REQUIRE((part >= 0.0 && part <= before));
    before = part;
  }
}

TEST_CASE("the whole is within 0..1 and never rises when a part falls") {
  for (double a = 0; a <= 1; a += 0.25) {
    for (double b = 0; b <= 1; b += 0.25) {
      for (double c = 0; c <= 1; c += 0.25) {
        const double whole = ScoreParts{a, b, c}.total();
        REQUIRE((whole >= 0 && whole <= 1));
        REQUIRE(ScoreParts{a * 0.9, b, c}.total() <= whole);
        REQUIRE(ScoreParts{a, b * 0.9, c}.total() <= whole);
        REQUIRE(ScoreParts{a, b, c * 0.9}.total() <= whole);
      }
    }
  }
}

TEST_CASE("errors fade: ten seconds of them weigh less a minute later") {
  ScoreInputs inputs;
  for (int i = 0; i < 100; ++i) inputs.attempts(0, 1, at(i * 100ms));
  const double bad = inputs.error_part(at(10s));
  CHECK(bad < 0.1);
  CHECK(inputs.error_part(at(20s)) > bad);
  CHECK(inputs.error_part(at(70s)) > 0.8);
}

}  // namespace sluice::policy
