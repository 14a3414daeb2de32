// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/estimators.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "policy/anomaly/season.hpp"
#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

double normal(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum;
}

}  // namespace

TEST_CASE("the scale is the deviation of normal values, whatever a tenth of them do") {
  for (const double deviation : {1e-6, 1.0, 3e4}) {
    CAPTURE(deviation);
    Random random(1);
    MadScale scale;
    for (int i = 0; i < 3000; ++i) scale.add(deviation * normal(random));
    CHECK(scale.sigma() > 0.92 * deviation);
    CHECK(scale.sigma() < 1.1 * deviation);
    for (int i = 0; i < 3000; ++i) {
      scale.add(deviation * (i % 10 == 0 ? 1e6 : normal(random)));
    }
    CHECK(scale.sigma() < 2.0 * deviation);
    // It follows a new scale, the sooner for having been loosened.
    scale.loosen(60);
    for (int i = 0; i < 400; ++i) scale.add(5.0 * deviation * normal(random));
    CHECK(scale.sigma() > 3.5 * deviation);
  }
}

TEST_CASE("the autocorrelation of a process is found, and bounded") {
  Random random(2);
  for (const double rho : {0.0, 0.6, 0.9}) {
    CAPTURE(rho);
    Autocorrelation memory;
    double value = 0.0;
    for (int i = 0; i < 20'000; ++i) {
      const double before = value;
      value = rho * value + normal(random);
      memory.add(value, before);
    }
    CHECK(std::abs(memory.rho() - rho) < 0.06);
  }
  Autocorrelation same;
  for (int i = 0; i < 100; ++i) same.add(3.0, 3.0);
  CHECK(same.rho() <= 0.95);
  CHECK(Autocorrelation{}.rho() == 0.0);
}

TEST_CASE("a tail level is exceeded about as often as was asked for") {
  Random random(3);
  TailLevel normals(1e-4);
  TailLevel heavy(1e-4);
  for (int i = 0; i < 50'000; ++i) {
    const double u = 1.0 - random.uniform();
    const double v = random.uniform();
    normals.add(std::sqrt(-2.0 * std::log(u)) * std::cos(2 * M_PI * v));
    heavy.add(-std::log(1.0 - random.uniform()));
  }
  REQUIRE(normals.ready());
  CHECK(normals.level() > 3.2);  // 3.72 in truth
  CHECK(normals.level() < 4.3);
  CHECK(heavy.level() > 7.0);  // 9.21 in truth
  CHECK(heavy.level() < 12.0);
  CHECK_FALSE(TailLevel(1e-4).ready());
}

TEST_CASE("the season is known after a day, and its coming does not move the sum") {
  SeriesSeason season;
  double level = 5.0;
  const auto truth = [](Duration t) {
    const double block = std::fmod(seconds(t), 12.0) < 1.0 ? 2.0 : 0.0;
    return 3.0 * std::sin(2 * M_PI * seconds(t) / 86400.0) + block;
  };
  double worst_jump = 0.0;
  Random random(4);
  for (Duration t = 0s; t < 72h; t += 1s) {
    const double x = 5.0 + truth(t) + 0.1 * normal(random);
    const double base = level + season.at(at(t));
    const double residual = x - base;
    level += 0.002 * residual;
    const double before = level + season.at(at(t));
    level -= season.learn(x, residual, at(t));
    // Only the block's part may move within a second.
    worst_jump = std::max(worst_jump, std::abs(level + season.at(at(t)) - before));
    if (t == 12h) CHECK(season.days() == 0);
  }
  CHECK(season.days() >= 2);
  CHECK(worst_jump < 1.0);
  for (const Duration t : {Duration(72h), Duration(78h + 3s), Duration(84h + 7s), Duration(90h)}) {
    CAPTURE(seconds(t));
    CHECK(std::abs(season.at(at(t)) - season.at(at(72h + 6s)) - truth(t) + truth(72h + 6s)) < 0.3);
  }
}

TEST_CASE("a day in which the level jumped is not learned") {
  SeriesSeason season;
  for (Duration t = 0s; t < 24h; t += 60s) {
    static_cast<void>(season.learn(t < 12h ? 0.0 : 100.0, 0.0, at(t)));
    if (t == 12h) season.spoil();
  }
  for (Duration t = 24h; t < 25h; t += 60s) static_cast<void>(season.learn(0.0, 0.0, at(t)));
  CHECK(season.days() == 0);
  CHECK(season.at(at(30h)) == 0.0);
}

}  // namespace sluice::policy
