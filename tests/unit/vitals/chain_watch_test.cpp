// SPDX-License-Identifier: Apache-2.0
// Hours of ten-second ticks on simulated time.
#include "vitals/chain_watch.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/random.hpp"
#include "support/catch.hpp"

namespace sluice::vitals {
namespace {

using namespace std::chrono_literals;

/// So many upstreams that answer in 20 ms or so, 100 calls a second each, one failure in a hundred.
struct Scene {
  explicit Scene(std::uint32_t count) : watch(count), readings(count) {}

  /// `change` may alter the readings of a tick.
  void run(Duration time, const std::function<void(std::vector<Reading>&)>& change = {}) {
    for (Duration t{0}; t < time; t += ChainWatch::kTick) {
      now += ChainWatch::kTick;
      for (Reading& reading : readings) {
        const double noise = std::exp(0.1 * (random.uniform() + random.uniform() - 1.0));
        reading = {.p50 = Duration(static_cast<Duration::rep>(20e6 * noise)),
                   .p99 = Duration(static_cast<Duration::rep>(80e6 * noise)),
                   .calls = static_cast<std::uint32_t>(950 + random.below(100)),
                   .failures = static_cast<std::uint32_t>(random.below(20)),
                   .in_flight_limit = 64};
      }
      if (change) change(readings);
      watch.tick(readings, now);
      for (const auto& each : watch.found()) found.push_back(each);
      for (const auto& each : watch.ended()) ended.push_back(each);
      for (const auto& each : watch.forecasts()) forecasts.push_back(each);
    }
  }

  ChainWatch watch;
  std::vector<Reading> readings;
  std::vector<AnomalyFound> found;
  std::vector<AnomalyEnded> ended;
  std::vector<LimitForecast> forecasts;
  Random random{11};
  TimePoint now{1h};
};

TEST_CASE("what goes on as ever is no anomaly") {
  Scene scene(4);
  scene.run(12h);
  // Ten series-days, each of which may have one.
  CHECK(scene.found.size() <= 10);
  CHECK(scene.forecasts.empty());
}

TEST_CASE("one upstream that becomes slower is named, is to blame, and stops being so") {
  Scene scene(4);
  scene.run(3h);
  scene.found.clear();
  scene.run(4min, [](auto& readings) { readings[2].p50 *= 4; });
  REQUIRE(!scene.found.empty());
  CHECK(scene.found.front().series == Series::kLatencyP50);
  CHECK(scene.found.front().upstream == 2);
  CHECK_FALSE(scene.found.front().common);
  CHECK(scene.found.front().alarm.direction == policy::AlarmDirection::up);
  CHECK(scene.watch.to_blame(2));
  CHECK_FALSE(scene.watch.to_blame(1));
  CHECK(scene.watch.anomalies(2, Series::kLatencyP50) == 1);
  scene.run(1h);
  CHECK_FALSE(scene.watch.to_blame(2));
  CHECK(!scene.ended.empty());
}

TEST_CASE("what befalls all of them is one event, and nobody is to blame") {
  Scene scene(4);
  scene.run(3h);
  scene.found.clear();
  scene.run(4min, [](auto& readings) {
    for (Reading& reading : readings) reading.p50 *= 4;
  });
  REQUIRE(scene.found.size() == 1);
  CHECK(scene.found.front().common);
  for (std::uint32_t i = 0; i < 4; ++i) CHECK_FALSE(scene.watch.to_blame(i));
}

TEST_CASE("what was told ends once, and nothing else does") {
  Scene scene(4);
  scene.run(3h);
  scene.found.clear();
  scene.ended.clear();
  SECTION("a common one ends as one") {
    scene.run(4min, [](auto& readings) {
      for (Reading& reading : readings) reading.p50 *= 4;
    });
    CHECK(scene.ended.empty());
    // Those that are slower to recover may be told of as their own.
    scene.run(20min);
    CHECK(scene.ended.size() == scene.found.size());
    REQUIRE(std::ranges::count(scene.ended, true, &AnomalyEnded::common) == 1);
    CHECK(scene.ended.front().common);
    CHECK(scene.ended.front().series == Series::kLatencyP50);
  }
  SECTION("one that went away before it was told") {
    scene.run(20s, [](auto& readings) { readings[1].p50 *= 4; });
    scene.run(20min);
    CHECK(scene.ended.size() == scene.found.size());
  }
}

TEST_CASE("a fall of the rate is no news where calls are kept away") {
  Scene scene(4);
  scene.run(3h);
  scene.found.clear();
  const auto drained = [](auto& readings) {
    readings[2].calls = readings[2].failures = 0;
    readings[2].spared = true;
  };
  SECTION("from the start") {
    scene.run(10min, drained);
    CHECK(scene.found.empty());
  }
  SECTION("its alarm is over then") {
    scene.run(2min, [](auto& readings) { readings[2].calls = readings[2].failures = 0; });
    REQUIRE(scene.watch.anomalies(2, Series::kRate) == 1);
    REQUIRE(scene.ended.empty());
    scene.run(10s, drained);
    REQUIRE(scene.ended.size() == 1);
    CHECK(scene.ended.front().series == Series::kRate);
  }
}

TEST_CASE("a reading of a part of the time counts for nothing") {
  Scene scene(4);
  scene.run(3h);
  scene.found.clear();
  scene.run(1min,
            [](auto& readings) { readings[0] = {.calls = 2, .failures = 2, .partial = true}; });
  CHECK(scene.found.empty());
}

TEST_CASE("a pool that fills up is foretold, and the time to it shrinks") {
  Scene scene(2);
  double used = 20;
  scene.run(2h, [&](auto& readings) { readings[0].in_flight_max = used; });
  CHECK(scene.forecasts.empty());
  scene.run(23min, [&](auto& readings) {
    used += 0.3;
    readings[0].in_flight_max = used;
  });
  REQUIRE(!scene.forecasts.empty());
  CHECK(scene.forecasts.front().limit == Limit::kPool);
  CHECK(scene.forecasts.front().upstream == 0);
  const auto first = scene.watch.breach_in(0, Limit::kPool, scene.now);
  REQUIRE(first.has_value());
  CHECK(*first <= 15min);
  CHECK_FALSE(scene.watch.breach_in(1, Limit::kPool, scene.now).has_value());
  // A reload has taken the limit away.
  scene.run(10s, [](auto& readings) { readings[0].in_flight_limit = 0; });
  CHECK_FALSE(scene.watch.breach_in(0, Limit::kPool, scene.now).has_value());
}

/// As with an objective for the p99, which is 80 ms or so.
void aim(std::vector<Reading>& readings) {
  for (Reading& reading : readings) reading.latency_objective = 200ms;
}

TEST_CASE("a p99 that creeps towards its objective is foretold; one that stays is not") {
  Scene scene(2);
  scene.run(2h, aim);
  CHECK(scene.forecasts.empty());
  double factor = 1;
  scene.run(23min, [&](auto& readings) {
    aim(readings);
    factor += 0.01;
    readings[1].p99 =
        Duration(static_cast<Duration::rep>(static_cast<double>(readings[1].p99.count()) * factor));
  });
  REQUIRE(scene.forecasts.size() == 1);
  const LimitForecast& told = scene.forecasts.front();
  CHECK(told.limit == Limit::kLatency);
  CHECK(told.upstream == 1);
  CHECK(told.limit_value == 0.2);
  CHECK(told.crossing.in <= 15min);
  CHECK(scene.watch.breach_in(1, Limit::kLatency, scene.now).has_value());
  CHECK_FALSE(scene.watch.breach_in(0, Limit::kLatency, scene.now).has_value());
  SECTION("a quiet moment takes nothing back, but a quiet time does") {
    const auto quiet = [](auto& readings) {
      aim(readings);
      readings[1].calls = readings[1].failures = 3;
      readings[1].p99 = 1ms;
    };
    scene.run(1min, quiet);
    CHECK(scene.watch.breach_in(1, Limit::kLatency, scene.now).has_value());
    scene.run(2min, quiet);
    CHECK_FALSE(scene.watch.breach_in(1, Limit::kLatency, scene.now).has_value());
  }
  SECTION("without an objective there is nothing to miss") {
    scene.run(10s);
    CHECK_FALSE(scene.watch.breach_in(1, Limit::kLatency, scene.now).has_value());
  }
}

TEST_CASE("without an objective a p99 may rise as it likes") {
  Scene scene(2);
  double factor = 1;
  scene.run(3h, [&](auto& readings) {
    factor += 0.01;
    readings[1].p99 = Duration(static_cast<Duration::rep>(80e6 * factor));
  });
  CHECK(scene.forecasts.empty());
}

TEST_CASE("a few slow calls are no forecast of the p99") {
  Scene scene(1);
  double factor = 1;
  scene.run(2h, [&](auto& readings) {
    aim(readings);
    factor += 0.002;
    readings[0].calls = 19;
    readings[0].p99 = Duration(static_cast<Duration::rep>(80e6 * factor));
  });
  CHECK(scene.forecasts.empty());
}

}  // namespace
}  // namespace sluice::vitals
