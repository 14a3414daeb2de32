// SPDX-License-Identifier: Apache-2.0
#include "vitals/vitals.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace sluice::vitals {
namespace {

using namespace std::chrono_literals;

struct Told final : Observer {
  void anomaly(const std::string& /*chain*/, const std::string& /*upstream*/,
               const AnomalyFound& found) override {
    series.push_back(found.series);
  }
  void anomaly_over(const std::string& /*chain*/, const std::string& /*upstream*/,
                    const AnomalyEnded& /*ended*/) override {}
  void limit_foretold(const std::string& /*chain*/, const std::string& /*upstream*/,
                      const LimitForecast& forecast) override {
    limits.push_back(forecast.limit);
  }
  std::vector<Series> series;
  std::vector<Limit> limits;
};

/// One upstream with 100 calls a second.
struct Scene {
  Scene() {
    upstream::Options options;
    options.connections_max = 64;
    shared =
        std::make_shared<upstream::Shared>(options, nullptr, std::make_shared<upstream::Ceiling>());
    shared->in_rotation.store(true);
    watch(Stance::kObserve);
  }

  void watch(Stance stance) {
    vitals.watch({{.name = "main",
                   .hedge = {},
                   .anomalies = stance,
                   .latency_objective = objective,
                   .upstreams = {{.name = "a", .shared = shared, .rate_limit_per_s = 0}}}});
  }
  void run(Duration time) {
    for (const TimePoint until = now + time; now < until;) {
      now += Vitals::kEvery;
      shared->successes.fetch_add(100);
      if (took != Duration::zero()) call(100);
      vitals.tick(now);
    }
  }

  /// They are answered after `took`.
  void call(int times) {
    for (int i = 0; i < times; ++i) {
      upstream::Underway call;
      call.start(shared->classes(), 0, 1, now);
      call.end(policy::Ended::kOk, took, now, random);
    }
  }

  Duration objective{0};
  Duration took{0};
  Random random{3};
  Told told;
  Vitals vitals{told};
  std::shared_ptr<upstream::Shared> shared;
  TimePoint now{1h};
};

TEST_CASE("a reload in the middle of ten seconds does not look like a fall of the rate") {
  for (const bool same_node_object : {true, false}) {
    CAPTURE(same_node_object);
    Scene scene;
    scene.run(3h);
    REQUIRE(scene.told.series.empty());
    for (int i = 0; i < 6; ++i) {
      scene.run(9s);
      if (!same_node_object) {
        const auto before = scene.shared;
        scene.shared = std::make_shared<upstream::Shared>(before->options(), nullptr,
                                                          std::make_shared<upstream::Ceiling>());
        scene.shared->inherit(*before);
      }
      scene.watch(Stance::kObserve);
      scene.run(1s);
    }
    scene.run(1min);
    CHECK(scene.told.series.empty());
  }
}

TEST_CASE("an upstream is blamed only while anomalies are acted upon") {
  Scene scene;
  scene.watch(Stance::kAct);
  scene.shared->to_blame.store(true);
  for (const Stance stance : {Stance::kAct, Stance::kObserve, Stance::kOff}) {
    scene.shared->to_blame.store(true);
    scene.watch(stance);
    CHECK(scene.shared->to_blame.load() == (stance == Stance::kAct));
  }
}

TEST_CASE("calls of one batch need one connection, and do not fill the pool") {
  Scene scene;
  scene.shared->in_flight.store(20);
  scene.run(2h);
  for (std::uint32_t i = 0; i < 40; ++i) {
    scene.shared->in_flight.fetch_add(1);
    scene.shared->in_flight_shared.fetch_add(1);
    scene.run(35s);
  }
  CHECK(scene.told.limits.empty());
}

TEST_CASE("a latency objective that a reload brings is foretold to be missed, and taken away") {
  Scene scene;
  scene.took = 50ms;
  scene.run(1h);
  scene.objective = 100ms;
  scene.watch(Stance::kObserve);
  scene.run(1h);
  CHECK(scene.told.limits.empty());
  for (int i = 0; i < 40; ++i) {
    scene.took += 1ms;
    scene.run(20s);
  }
  REQUIRE(scene.told.limits == std::vector{Limit::kLatency});
  const auto breach = [&scene] {
    return scene.vitals.findings(scene.now).front().breach_in.at(
        static_cast<std::size_t>(Limit::kLatency));
  };
  CHECK(breach().has_value());
  scene.objective = 0ms;
  scene.watch(Stance::kObserve);
  scene.run(10s);
  CHECK_FALSE(breach().has_value());
}

}  // namespace
}  // namespace sluice::vitals
