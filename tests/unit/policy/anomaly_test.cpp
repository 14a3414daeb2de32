// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.hpp"
#include "policy/anomaly/count_score.hpp"
#include "policy/anomaly/crossing_forecast.hpp"
#include "policy/anomaly/series_detector.hpp"
#include "support/catch.hpp"
#include "unit/policy/allocations.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

/// A detector in the middle of its life: ten seconds a tick, three hours of a clean latency of
/// 50 ms with 10 % of noise behind it.
struct Fixture {
  Random random;
  SeriesDetector detector;
  Duration t = 0s;

  explicit Fixture(std::uint64_t seed, const DetectorOptions& options = {}, int ticks = 1080)
      : random(seed), detector(options) {
    for (int i = 0; i < ticks; ++i) static_cast<void>(latency(0.0));
  }
  std::optional<Alarm> value(double v, std::uint32_t samples = 100) {
    t += 10s;
    return detector.tick(v, samples, at(t));
  }
  /// `shift` in standard deviations of the noise.
  std::optional<Alarm> latency(double shift, double noisier = 1.0) {
    return value(0.05 * std::exp(0.1 * (shift + noisier * noise(random))));
  }
  /// Ticks until the first alarm, or `most`.
  int until_alarm(double shift, double noisier, int most) {
    for (int i = 1; i <= most; ++i) {
      if (latency(shift, noisier)) return i;
    }
    return most;
  }
};

int median_delay(double shift, double noisier, int most) {
  std::vector<int> delays;
  for (std::uint64_t seed = 1; seed <= 21; ++seed) {
    // On its second day: on the first the level still has to follow the day itself.
    Fixture f(seed, {}, 9720);
    delays.push_back(f.until_alarm(shift, noisier, most));
  }
  std::sort(delays.begin(), delays.end());
  return delays[delays.size() / 2];
}

}  // namespace

TEST_CASE("a clean series alarms less than once a day") {
  int alarms = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Fixture f(seed, {}, 0);
    for (int i = 0; i < 2 * 8640; ++i) alarms += f.latency(0.0) ? 1 : 0;
  }
  CAPTURE(alarms);
  CHECK(alarms <= 16);
}

TEST_CASE("a shift is found the sooner the larger it is") {
  CHECK(median_delay(1.0, 1.0, 200) <= 20);
  CHECK(median_delay(-1.0, 1.0, 200) <= 20);
  CHECK(median_delay(2.0, 1.0, 200) <= 7);
  CHECK(median_delay(3.0, 1.0, 200) <= 5);
  CHECK(median_delay(0.5, 1.0, 720) <= 120);
}

TEST_CASE("what is found has a kind and a direction") {
  Fixture up(1);
  std::optional<Alarm> alarm;
  for (int i = 0; i < 3 && !alarm; ++i) alarm = up.latency(12.0);
  REQUIRE(alarm);
  CHECK(alarm->kind == AlarmKind::spike);
  CHECK(alarm->direction == AlarmDirection::up);
  CHECK(alarm->z > 8.0);
  CHECK(alarm->value > 0.1);
  CHECK(alarm->expected > 0.04);
  CHECK(alarm->expected < 0.06);

  Fixture down(2);
  alarm.reset();
  for (int i = 0; i < 40 && !alarm; ++i) alarm = down.latency(-1.5);
  REQUIRE(alarm);
  CHECK(alarm->kind == AlarmKind::shift);
  CHECK(alarm->direction == AlarmDirection::down);

  CHECK(median_delay(0.0, 2.0, 400) <= 40);
  int spreads = 0;
  for (std::uint64_t seed = 1; seed <= 9; ++seed) {
    Fixture noisier(seed, {}, 3000);
    alarm.reset();
    for (int i = 0; i < 400 && !alarm; ++i) alarm = noisier.latency(0.0, 1.5);
    if (alarm && alarm->kind == AlarmKind::spread) ++spreads;
  }
  CHECK(spreads >= 5);
}

TEST_CASE("neighbouring ticks that look alike, and a strong day, are no alarms") {
  int alarms = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Fixture f(seed, {}, 0);
    double residual = 0.0;
    for (int i = 0; i < 4 * 8640; ++i) {
      residual = 0.6 * residual + noise(f.random);
      const double day = 20.0 * std::sin(2 * M_PI * i / 8640.0);
      alarms += f.value(0.05 * std::exp(0.1 * (residual + day))) ? 1 : 0;
    }
  }
  CAPTURE(alarms);
  CHECK(alarms <= 16);
}

TEST_CASE("a single outlier is no alarm, two within three ticks are") {
  Fixture f(3);
  CHECK_FALSE(f.latency(9.0));
  for (int i = 0; i < 30; ++i) CHECK_FALSE(f.latency(0.0));
  CHECK_FALSE(f.latency(9.0));
  CHECK_FALSE(f.latency(0.0));
  CHECK(f.latency(9.0));
}

TEST_CASE("a rate that drops to zero is found in two ticks, with no sample at all") {
  Fixture f(4, {.kind = SeriesKind::rate}, 0);
  for (int i = 0; i < 1000; ++i) {
    CHECK_FALSE(f.value(40.0 + 2.0 * noise(f.random), 400));
  }
  // Half of it is told at the second tick, nothing at all at the first.
  Fixture g = f;
  static_cast<void>(g.value(20.0, 200));
  if (!g.detector.alarmed()) static_cast<void>(g.value(20.0, 200));
  CHECK(g.detector.alarmed());
  const auto alarm = f.value(0.0, 0);
  REQUIRE(alarm);
  CHECK(alarm->kind == AlarmKind::spike);
  CHECK(alarm->direction == AlarmDirection::down);
}

TEST_CASE("failures among few calls are no alarm, the same share among many is") {
  DetectorOptions options{.kind = SeriesKind::ratio};
  Fixture f(5, options, 0);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(f.value(0.0, 1000));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(f.value(1.0, 10));  // below least_samples
  CHECK_FALSE(f.value(0.05, 20));                              // one of twenty
  CHECK_FALSE(f.value(0.0, 20));
  static_cast<void>(f.value(0.05, 1000));
  CHECK(f.value(0.05, 1000));
}

TEST_CASE("a count's score is a standard normal one, whatever was expected") {
  struct Row {
    double count;
    double expected;
    double z;
  };
  // The normal quantile of P(X < count) + P(X = count) / 2, computed elsewhere.
  for (const Row& row : {Row{0, 0.1, -0.1196}, Row{1, 0.1, 1.6456}, Row{1, 1, 0.1303},
                         Row{0, 1, -0.9005}, Row{3, 1, 1.6483}, Row{10, 10, 0.0514}}) {
    CAPTURE(row.count, row.expected);
    CHECK(std::abs(count_score(row.count, row.expected) - row.z) < 0.01);
  }
  for (const double expected : {0.02, 0.5, 3.0, 20.0, 39.9, 40.1, 500.0, 1e6}) {
    double before = -9.0;
    for (double k = 0.0; k < 3.0 * expected + 20.0; k += 1.0 + std::floor(expected / 50.0)) {
      const double z = count_score(k, expected);
      CAPTURE(k, expected);
      REQUIRE((z > before || std::abs(z) == 8.0));
      REQUIRE(std::abs(z) <= 8.0);
      before = z;
    }
    CHECK(before > 3.0);
  }
  // The two ways of computing it meet, least well far out.
  for (const double k : {20.0, 40.0, 60.0}) {
    CHECK(std::abs(count_score(k, 39.99) - count_score(k, 40.01)) < 0.2);
  }
}

TEST_CASE("no alarm in the first hour, none while nothing varies") {
  Fixture f(6, {}, 0);
  for (int i = 0; i < 359; ++i) CHECK_FALSE(f.latency(i < 300 ? 0.0 : 20.0));
  for (const SeriesKind kind :
       {SeriesKind::latency, SeriesKind::rate, SeriesKind::ratio, SeriesKind::lag}) {
    CAPTURE(static_cast<int>(kind));
    Fixture flat(7, {.kind = kind}, 0);
    for (int i = 0; i < 2000; ++i) CHECK_FALSE(flat.value(kind == SeriesKind::lag ? 0.0 : 0.5));
    CHECK_FALSE(flat.value(kind == SeriesKind::lag ? 1.0 : 0.502));
  }
}

TEST_CASE("a new level is told once and accepted after ten minutes") {
  Fixture f(8);
  int told = 0;
  int ticks = 0;
  for (; ticks < 10 || f.detector.alarmed(); ++ticks) {
    REQUIRE(ticks < 80);
    told += f.latency(10.0) ? 1 : 0;
  }
  CHECK(ticks >= 60);
  // Accepted at once, not approached.
  for (int i = 0; i < 3; ++i) {
    told += f.latency(10.0) ? 1 : 0;
    CHECK(std::abs(f.detector.z()) < 4.0);
  }
  for (int i = 0; i < 300; ++i) told += f.latency(10.0) ? 1 : 0;
  CHECK(told == 1);
  CHECK_FALSE(f.detector.alarmed());
}

TEST_CASE("an incident that goes away is not learned, and is over within minutes") {
  Fixture f(9);
  for (int i = 0; i < 55; ++i) static_cast<void>(f.latency(10.0));
  CHECK(f.detector.alarmed());
  int until_calm = 0;
  double sum = 0.0;
  for (; until_calm < 100 && f.detector.alarmed(); ++until_calm) {
    static_cast<void>(f.latency(0.0));
    sum += f.detector.z();
  }
  CHECK(until_calm <= 20);
  // The old level is still the normal one.
  CHECK(std::abs(sum / until_calm) < 1.0);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(f.latency(0.0));
}

TEST_CASE("nothing is learned while alarmed") {
  double sum = 0.0;
  int ticks = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Fixture f(seed);
    for (int i = 0; i < 55; ++i) static_cast<void>(f.latency(10.0));
    REQUIRE(f.detector.alarmed());
    for (int i = 0; i < 5; ++i, ++ticks) {
      static_cast<void>(f.latency(0.0));
      sum += f.detector.z();
    }
  }
  // A level that had followed the incident would show in the mean.
  CHECK(std::abs(sum / ticks) < 0.2);
}

TEST_CASE("a second incident within five minutes is not told, a later one is") {
  for (const int pause : {20, 40}) {
    CAPTURE(pause);
    Fixture f(14);
    int told = 0;
    for (int i = 0; i < 2; ++i) told += f.latency(12.0) ? 1 : 0;
    REQUIRE(told == 1);
    for (int i = 0; i < pause; ++i) told += f.latency(0.0) ? 1 : 0;
    REQUIRE_FALSE(f.detector.alarmed());
    for (int i = 0; i < 2; ++i) told += f.latency(12.0) ? 1 : 0;
    CHECK(f.detector.alarmed());
    CHECK(told == (pause == 20 ? 1 : 2));
  }
}

TEST_CASE("any values leave the detector's figures finite, and nothing is allocated") {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const SeriesKind kind :
       {SeriesKind::latency, SeriesKind::rate, SeriesKind::ratio, SeriesKind::lag}) {
    Random random(10 + static_cast<std::uint64_t>(kind));
    SeriesDetector detector({.kind = kind});
    const std::size_t before = allocations();
    bool finite = true;
    for (int i = 0; i < 20'000; ++i) {
      const double values[] = {
          inf, nan, -inf, 0.0, -1.0, 1e300, 1e-300, random.uniform(), 1.0, 1e6 * random.uniform()};
      const auto samples = static_cast<std::uint32_t>(random.below(200));
      static_cast<void>(detector.tick(values[random.below(10)], samples, at(10s * i)));
      finite = finite && std::isfinite(detector.z());
    }
    const std::size_t after = allocations();
    CAPTURE(static_cast<int>(kind));
    CHECK(finite);
    CHECK(after == before);
  }
}

TEST_CASE("a climb to a limit is told minutes ahead, once") {
  for (const bool rising : {true, false}) {
    CAPTURE(rising);
    Random random(11);
    CrossingForecast forecast({.rising = rising});
    const double sign = rising ? 1.0 : -1.0;
    std::vector<int> told;
    int reached = 0;
    for (int i = 0; i < 1200; ++i) {
      const double climb = i < 600 ? 0.0 : std::min(80.0, (i - 600) * 0.4);
      if (reached == 0 && climb >= 60.0) reached = i;
      const double value = 100.0 + sign * (climb + noise(random));
      if (const auto crossing = forecast.tick(value, 100.0 + sign * 60.0, at(10s * i))) {
        told.push_back(i);
        CHECK(crossing->probability > 0.8);
        CHECK(crossing->slope * sign > 0.0);
        CHECK(crossing->in > 3min);
        CHECK(crossing->in < 12min);
      }
    }
    REQUIRE(told.size() == 1);
    CHECK(told[0] > 600);
    CHECK(reached - told[0] >= 18);
  }
}

TEST_CASE("no alert for a limit that is far, that is already reached, or after a pause") {
  Random random(12);
  CrossingForecast far({});
  CrossingForecast beyond({});
  for (int i = 0; i < 3000; ++i) {
    CHECK_FALSE(far.tick(50.0 + 3.0 * noise(random), 80.0, at(10s * i)));
    CHECK_FALSE(beyond.tick(90.0 + 0.1 * noise(random), 80.0, at(10s * i)));
  }
  CHECK(beyond.probability() == 1.0);
  CHECK(far.probability() < 0.1);
  static_cast<void>(beyond.tick(90.0, 80.0, at(40h)));
  CHECK(beyond.probability() == 0.0);
}

TEST_CASE("an alarm of a series that hears nothing any more does not last for ever") {
  Fixture f(14);
  REQUIRE(f.until_alarm(30.0, 1.0, 6) < 6);
  REQUIRE(f.detector.alarmed());
  for (int i = 0; i < 30; ++i) static_cast<void>(f.value(0.0, 0));
  CHECK(f.detector.alarmed());
  for (int i = 0; i < 40; ++i) static_cast<void>(f.value(0.0, 0));
  CHECK_FALSE(f.detector.alarmed());
}

// Hidden; run it in a Release build: unit_policy "[anomaly-cost]"
TEST_CASE("anomaly cost", "[.][anomaly-cost]") {
  Random random(13);
  SeriesDetector detector({});
  CrossingForecast crossing({});
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i) values.push_back(0.05 * std::exp(0.1 * noise(random)));
  double best = HUGE_VAL;
  double best_crossing = HUGE_VAL;
  Duration t = 0s;
  for (int round = 0; round < 50; ++round) {
    TimePoint start = now();
    for (const double v : values) static_cast<void>(detector.tick(v, 100, at(t += 10s)));
    best = std::min(best, seconds(now() - start) / 10'000 * 1e9);
    start = now();
    for (const double v : values) static_cast<void>(crossing.tick(v, 1.0, at(t += 10s)));
    best_crossing = std::min(best_crossing, seconds(now() - start) / 10'000 * 1e9);
  }
  WARN(best << " ns per point, crossing " << best_crossing << " ns, " << sizeof(SeriesDetector)
            << " bytes");
  CHECK(best < 300.0);
}

}  // namespace sluice::policy
