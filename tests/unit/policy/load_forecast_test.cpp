// SPDX-License-Identifier: Apache-2.0
#include "policy/forecast/load_forecast.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.hpp"
#include "support/catch.hpp"
#include "unit/policy/allocations.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

/// A burst in the first second after each block, which comes every 12 s at phase 4.
double bursts(Duration t, Random& random) {
  const double phase = std::fmod(seconds(t), 12.0);
  return (phase >= 4.0 && phase < 5.0 ? 100.0 : 20.0) + noise(random);
}

/// Runs `demand(t)` every half second over [from, to).
template <typename Demand>
void run(LoadForecast& forecast, Duration from, Duration to, Demand demand) {
  for (Duration t = from; t < to; t += 500ms) forecast.tick(demand(t), at(t));
}

double day_shape(Duration t) {
  const double hour = std::fmod(seconds(t) / 3600.0, 24.0);
  const double open = hour >= 14.0 && hour < 16.0 ? 200.0 : 0.0;
  return 100.0 + 50.0 * std::sin(hour / 24.0 * 2 * M_PI) + open;
}

}  // namespace

TEST_CASE("nothing is forecast before two seasons were seen") {
  Random random(1);
  LoadForecast forecast;
  CHECK_FALSE(forecast.ahead(3s));
  run(forecast, 0s, 24s, [&](Duration t) { return bursts(t, random); });
  CHECK_FALSE(forecast.ahead(3s));
  CHECK(forecast.skill() == 0.0);
  CHECK_FALSE(forecast.within(3s));
  run(forecast, 24s, 120s, [&](Duration t) { return bursts(t, random); });
  CHECK(forecast.ahead(3s));
}

TEST_CASE("the burst after a block is foreseen, and its end") {
  Random random(2);
  LoadForecast forecast;
  int wrong = 0;
  for (Duration t = 0s; t < 600s; t += 500ms) {
    forecast.tick(bursts(t, random), at(t));
    if (t < 240s) continue;
    const auto need = forecast.ahead(3s);
    REQUIRE(need);
    const double phase = std::fmod(seconds(t + 3s), 12.0);
    const bool burst = phase >= 4.0 && phase < 5.0;
    if (burst ? *need < 95.0 : (*need < 18.0 || *need > 40.0)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(forecast.skill() > 0.8);
}

TEST_CASE("what must be there within a time is the most of it, now and its end included") {
  Random random(8);
  LoadForecast forecast;
  run(forecast, 0s, 602s, [&](Duration t) { return bursts(t, random); });
  // Phase 1.5 is open; the burst is that of phases 4 and 4.5.
  const auto within = [&](Duration time) { return forecast.within(time).value_or(-1.0); };
  CHECK(within(0s) == forecast.ahead(0s).value_or(0.0));
  CHECK(within(2s) < 40.0);
  CHECK(within(2500ms) > 90.0);
  CHECK(within(8s) == within(2500ms));
  run(forecast, 602s, 605s, [&](Duration t) { return bursts(t, random); });
  CHECK(within(0s) > 90.0);
  forecast.tick(20.0, at(605s));
  CHECK(within(2s) < 40.0);
}

TEST_CASE("of several ticks in one slot the greatest is what must be provided for") {
  LoadForecast once;
  LoadForecast often;
  for (Duration t = 0s; t < 300s; t += 500ms) {
    const double demand = std::fmod(seconds(t), 12.0) < 1.0 ? 50.0 : 3.0;
    once.tick(demand, at(t));
    for (Duration in = 0s; in < 500ms; in += 50ms) {
      often.tick(in == 200ms ? demand : 0.0, at(t + in));
    }
  }
  for (const Duration horizon : {0ms, 500ms, 1000ms, 3000ms}) {
    CHECK(often.within(horizon) == once.within(horizon));
  }
}

TEST_CASE("what repeats every day is foreseen five minutes ahead") {
  Random random(3);
  LoadForecast forecast;
  const Duration day = 24h;
  for (Duration t = 0s; t < 3 * day + 13h + 57min; t += 10s) {
    forecast.tick(day_shape(t) + 2.0 * noise(random), at(t));
    if (t == 2 * day - 10s) CHECK_FALSE(forecast.ahead(5min));
  }
  // Three minutes before the rise.
  CHECK(forecast.skill(5min) > 0.3);
  const auto need = forecast.ahead(5min);
  REQUIRE(need);
  CHECK(*need > 250.0);
  CHECK(*need < 400.0);
  // And by who asks for less than its five minutes, when they have come.
  CHECK(forecast.within(1s).value_or(HUGE_VAL) < 250.0);
  for (Duration t = 3 * day + 13h + 57min; t < 3 * day + 14h; t += 500ms) {
    forecast.tick(day_shape(t) + 2.0 * noise(random), at(t));
  }
  CHECK(forecast.within(1s).value_or(0.0) > 250.0);
}

TEST_CASE("where there is nothing to foresee the reactive plan stands alone") {
  for (const bool walk : {false, true}) {
    int spoke = 0;
    int asked = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(walk, seed);
      Random random(seed);
      LoadForecast forecast;
      double level = 100.0;
      for (Duration t = 0s; t < 3h; t += 500ms) {
        if (walk) level = std::max(1.0, level + noise(random));
        forecast.tick(walk ? level : 100.0 + 10.0 * noise(random), at(t));
        ++asked;
        if (forecast.ahead(3s)) {
          ++spoke;
        } else {
          CHECK_FALSE(forecast.within(500ms));
        }
      }
    }
    CAPTURE(walk, spoke, asked);
    CHECK(spoke * 100 <= asked);
  }
}

TEST_CASE("one wild burst does not poison its slot") {
  Random random(4);
  LoadForecast forecast;
  double before = 0.0;
  for (Duration t = 0s; t < 620s; t += 500ms) {
    // At 598 s, phase 10, a hundred times the usual.
    forecast.tick(t == 598s ? 2000.0 : bursts(t, random), at(t));
    if (t == 595s) before = forecast.ahead(3s).value_or(0.0);
    if (t == 607s) CHECK(forecast.ahead(3s).value_or(HUGE_VAL) < 2.0 * before);
  }
}

TEST_CASE("pauses, clocks and values that are not numbers do no harm") {
  Random random(5);
  LoadForecast forecast;
  run(forecast, 0s, 120s, [&](Duration t) { return bursts(t, random); });
  const double skill = forecast.skill();
  forecast.tick(1e9, at(60s));  // the past
  CHECK(forecast.skill() == skill);
  run(forecast, 120s, 122s, [&](Duration t) { return bursts(t, random); });
  CHECK(forecast.ahead(5s).value_or(HUGE_VAL) < 60.0);

  // The shape of the bursts is still known after ten hours of which nothing was heard.
  run(forecast, 36120s, 36122s, [&](Duration t) { return bursts(t, random); });
  CHECK(forecast.ahead(2s).value_or(HUGE_VAL) < 60.0);
  CHECK(forecast.ahead(2500ms).value_or(0.0) > 90.0);
  run(forecast, 36122s, 36240s, [&](Duration t) { return bursts(t, random); });
  CHECK(forecast.skill() > 0.5);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -1.0}) {
    forecast.tick(bad, at(36240s));
  }
  const auto need = forecast.ahead(3s);
  REQUIRE(need);
  CHECK(std::isfinite(*need));
  CHECK_FALSE(forecast.ahead(2h));
  CHECK_FALSE(forecast.ahead(24h * 365 * 100));
}

TEST_CASE("a forecast is small and allocates nothing after it was made") {
  Random random(6);
  LoadForecast forecast;
  CHECK(forecast.bytes() <= 8192);
  const std::size_t before = allocations();
  double sum = 0.0;
  run(forecast, 0s, 1h, [&](Duration t) {
    sum += forecast.ahead(3s).value_or(0.0) + forecast.within(5min).value_or(0.0);
    return bursts(t, random);
  });
  CHECK(allocations() == before);
  CHECK(sum > 0.0);
}

// Hidden; run it in a Release build: unit_policy "[forecast-cost]"
TEST_CASE("forecast cost", "[.][forecast-cost]") {
  Random random(7);
  LoadForecast forecast;
  double best = HUGE_VAL;
  Duration t = 0s;
  for (int round = 0; round < 50; ++round) {
    const TimePoint start = now();
    for (int i = 0; i < 10'000; ++i, t += 500ms) forecast.tick(20.0 + (i & 15), at(t));
    best = std::min(best, seconds(now() - start) / 10'000 * 1e9);
  }
  WARN(best << " ns per tick, " << forecast.bytes() << " bytes");
  CHECK(best < 2000.0);
}

}  // namespace sluice::policy
