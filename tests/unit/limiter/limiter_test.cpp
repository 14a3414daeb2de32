// SPDX-License-Identifier: Apache-2.0
#include "limiter/limiter.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/catch.hpp"

namespace sluice::limiter {
namespace {

using namespace std::chrono_literals;

struct Told final : Observer {
  void limit_changed(const std::shared_ptr<upstream::Shared>& shared) override {
    limits.push_back(shared->limit.load());
  }
  void limiting(const Target& /*target*/, const Episode& episode) override {
    episodes.push_back(episode);
  }
  std::vector<std::uint32_t> limits;
  std::vector<Episode> episodes;
};

std::shared_ptr<upstream::Shared> make_shared(std::uint32_t connections_max) {
  upstream::Options options;
  options.connections_max = connections_max;
  return std::make_shared<upstream::Shared>(options, nullptr, std::make_shared<upstream::Ceiling>(),
                                            2);
}

/// A node that works on so many calls at once, 10 ms each; the others wait there.
struct Scene {
  explicit Scene(Stance to = Stance::kAct) : mode(to) { watch(); }

  void watch() {
    limiter.watch({{.chain = "main", .upstream = "a", .shared = shared, .mode = mode, .min = min}},
                  now);
  }
  void reload(std::uint32_t connections_max) {
    auto next = make_shared(connections_max);
    next->inherit(*shared);
    shared = std::move(next);
    watch();
  }

  /// One look's worth of calls: those under way are worked on, or wait.
  void step(std::uint32_t demand) {
    const std::uint32_t in_flight = std::min(demand, shared->limit.load());
    if (demand > in_flight) shared->held_back.fetch_add(1);
    shared->in_flight.store(in_flight);
    const double inflation = std::max(1.0, in_flight / static_cast<double>(places));
    done += in_flight * seconds(Limiter::kLook) / (service_s * inflation);
    Random random(1);
    for (std::size_t worker = 0; done >= 1; done -= 1, worker ^= 1) {
      upstream::Underway call;
      call.start(shared->classes(), worker, 1, now);
      call.node_took(std::chrono::duration_cast<Duration>(
                         std::chrono::duration<double>(service_s * inflation)),
                     batched);
      call.end(policy::Ended::kOk, 1s, now, random);
    }
    now += Limiter::kLook;
    limiter.tick(now);
  }
  void run(Duration time, std::uint32_t demand) {
    for (const TimePoint until = now + time; now < until;) step(demand);
  }

  Told told;
  Limiter limiter{told};
  std::shared_ptr<upstream::Shared> shared = make_shared(64);
  TimePoint now{1h};
  Stance mode = Stance::kAct;
  std::uint32_t min = 4;
  std::uint32_t places = 16;
  double service_s = 0.01;
  double done = 0;
  bool batched = false;
};

}  // namespace

TEST_CASE("replies that stream have places of their own beside the limit") {
  Scene scene;
  scene.run(5s, 4);
  scene.run(8s, 200);
  const std::uint32_t found = scene.limiter.report(*scene.shared).limit;
  REQUIRE(scene.shared->limit.load() == found);
  scene.shared->streaming = 10;
  scene.run(1s, 200);
  const std::uint32_t beside = scene.limiter.report(*scene.shared).limit;
  CHECK(scene.shared->limit.load() == beside + 10);
  scene.shared->streaming = 60;
  scene.run(1s, 200);
  CHECK(scene.shared->limit.load() == 64);
  scene.shared->streaming = 0;
  scene.run(1s, 200);
  CHECK(scene.shared->limit.load() == scene.limiter.report(*scene.shared).limit);
}

TEST_CASE("the limit falls to what the node works on at once, and is back when the load has gone") {
  Scene scene;
  scene.run(5s, 4);
  CHECK(scene.shared->limit.load() == 64);
  CHECK(scene.told.limits.empty());
  CHECK(scene.told.episodes.empty());
  scene.run(8s, 200);
  const std::uint32_t found = scene.shared->limit.load();
  CHECK(found >= 16);
  CHECK(found <= 19);
  CHECK(scene.shared->limiting.load());
  const Report report = scene.limiter.report(*scene.shared);
  CHECK(report.limit == found);
  CHECK(report.limiting);
  CHECK(report.inflation < 1.5);
  // Everybody who holds a connection or waits for one was told each time.
  REQUIRE_FALSE(scene.told.limits.empty());
  CHECK(scene.told.limits.back() == found);
  REQUIRE(scene.told.episodes.size() == 1);
  CHECK(scene.told.episodes[0].begun);

  scene.run(10s, 4);
  CHECK(scene.shared->limit.load() == 64);
  CHECK_FALSE(scene.shared->limiting.load());
  REQUIRE(scene.told.episodes.size() == 2);
  CHECK_FALSE(scene.told.episodes[1].begun);
  CHECK(scene.told.episodes[1].lasted >= 7s);
  CHECK(scene.told.episodes[1].lasted < 9s);
}

TEST_CASE("without acting the limit is found, and nobody is held to it") {
  Scene scene(Stance::kObserve);
  scene.run(5s, 4);
  scene.run(8s, 64);
  CHECK(scene.shared->limit.load() == 64);
  CHECK_FALSE(scene.shared->limiting.load());
  CHECK(scene.told.limits.empty());
  const Report report = scene.limiter.report(*scene.shared);
  CHECK(report.limit < 32);
  CHECK(report.limit >= 16);
  CHECK(report.limiting);
  CHECK(scene.told.episodes.size() == 1);
}

TEST_CASE("switched off there is the configured maximum") {
  Scene scene(Stance::kOff);
  scene.run(5s, 4);
  scene.run(8s, 200);
  CHECK(scene.shared->limit.load() == 64);
  CHECK(scene.limiter.report(*scene.shared).limit == 64);
  CHECK_FALSE(scene.limiter.report(*scene.shared).limiting);
  CHECK(scene.told.episodes.empty());
}

TEST_CASE("the limit stays within its bounds, and a minimum above the maximum is that") {
  for (const std::uint32_t min : {1U, 8U, 12U, 64U, 65U, 1000U}) {
    CAPTURE(min);
    Scene scene;
    scene.places = 1;
    scene.min = min;
    scene.watch();
    scene.run(5s, 1);
    std::uint32_t least = 64;
    std::uint32_t most = 0;
    for (int i = 0; i < 600; ++i) {
      scene.step(200);
      least = std::min(least, scene.shared->limit.load());
      most = std::max(most, scene.shared->limit.load());
    }
    CHECK(least >= std::min(min, 64U));
    CHECK(most <= 64);
    if (min == 12) CHECK(least == 12);
  }
}

TEST_CASE("few calls change nothing") {
  Scene scene;
  scene.run(5s, 4);
  scene.run(8s, 200);
  const std::uint32_t found = scene.shared->limit.load();
  scene.shared->in_flight.store(0);
  for (int i = 0; i < 1000; ++i) {
    scene.now += Limiter::kLook;
    scene.limiter.tick(scene.now);
  }
  CHECK(scene.shared->limit.load() == found);
  // It is no news any more that calls were held back.
  CHECK_FALSE(scene.shared->limiting.load());
  CHECK_FALSE(scene.limiter.report(*scene.shared).limiting);
}

TEST_CASE("calls of batches are compared with their like") {
  Scene scene;
  scene.run(5s, 8);
  // Each of a batch takes a fifth of what it takes alone; then they come alone again.
  for (int i = 0; i < 3; ++i) {
    scene.batched = true;
    scene.service_s = 0.002;
    scene.run(5s, 8);
    CHECK(scene.limiter.report(*scene.shared).inflation == Approx(1.0).margin(0.1));
    scene.batched = false;
    scene.service_s = 0.01;
    scene.run(5s, 8);
    CHECK(scene.limiter.report(*scene.shared).inflation == Approx(1.0).margin(0.1));
  }
  CHECK(scene.shared->limit.load() == 64);
}

TEST_CASE("a reload keeps what was learned of the node, within the new bounds") {
  Scene scene;
  scene.run(5s, 4);
  scene.run(8s, 200);
  const std::uint32_t found = scene.shared->limit.load();
  REQUIRE(found < 24);
  scene.reload(128);
  CHECK(scene.shared->limit.load() == found);
  scene.min = 40;
  scene.reload(64);
  CHECK(scene.shared->limit.load() == 40);
  scene.mode = Stance::kObserve;
  scene.watch();
  CHECK(scene.shared->limit.load() == 64);
  CHECK(scene.limiter.report(*scene.shared).limit == 40);
  scene.mode = Stance::kAct;
  scene.watch();
  CHECK(scene.shared->limit.load() == 40);
  scene.mode = Stance::kOff;
  scene.watch();
  CHECK(scene.shared->limit.load() == 64);
  CHECK_FALSE(scene.told.episodes.back().begun);
  scene.mode = Stance::kAct;
  scene.watch();
  CHECK(scene.shared->limit.load() == 64);
  scene.reload(8);
  CHECK(scene.shared->limit.load() == 8);
  SECTION("another node under the same name begins anew") {
    scene.reload(64);
    scene.run(5s, 4);
    scene.run(8s, 200);
    REQUIRE(scene.shared->limit.load() < 64);
    scene.shared = make_shared(64);
    scene.watch();
    CHECK(scene.shared->limit.load() == 64);
  }
}

TEST_CASE("an upstream that never was limited follows a new maximum") {
  Scene scene;
  scene.run(5s, 4);
  scene.reload(128);
  CHECK(scene.shared->limit.load() == 128);
  scene.reload(32);
  CHECK(scene.shared->limit.load() == 32);
}

}  // namespace sluice::limiter
