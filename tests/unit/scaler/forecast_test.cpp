// SPDX-License-Identifier: Apache-2.0
// The scaler on simulated time, before pools that are nothing but their counts: bursts by the block
// are learned, and what is planned ahead of them.
#include <algorithm>
#include <cmath>

#include "scaler/scaler.hpp"
#include "support/catch.hpp"

namespace sluice::scaler {
namespace {

using namespace std::chrono_literals;
using policy::ScaleReason;

constexpr std::uint32_t kBurst = 40;
constexpr std::uint32_t kCalm = 2;
constexpr Duration kBlock = 12s;

/// One upstream of one worker whose pool has at once what it is told to have.
struct Scene : Observer {
  explicit Scene(Stance use) {
    shared = node();
    options.mode = policy::ScaleMode::kSized;
    options.predict = use;
    // Peaks are kept for three of them, which is less than a block.
    options.cooldown = 1s;
    watch();
  }

  static std::shared_ptr<upstream::Shared> node() {
    upstream::Options options;
    options.connections_max = 64;
    auto made =
        std::make_shared<upstream::Shared>(options, nullptr, std::make_shared<upstream::Ceiling>());
    made->observe_handshake(30ms);
    return made;
  }

  void watch() {
    scaler.watch({{.chain = "main", .upstream = "a", .shared = shared, .options = options}});
  }

  /// How many calls are under way by the phase of the block; the burst is from 4 s to 5 s.
  static std::uint32_t by_block(TimePoint t) {
    const Duration phase = t.time_since_epoch() % kBlock;
    return phase >= 4s && phase < 5s ? kBurst : kCalm;
  }
  template <typename Calls>
  void run(Duration time, Calls calls) {
    for (const TimePoint until = now + time; now < until;) {
      now += 50ms;
      const std::uint32_t busy = calls(now);
      upstream::PoolPart& part = shared->parts()[0];
      part.busy.store(busy);
      part.peak.store(std::max(part.peak.load(), busy));
      part.open.store(std::max(told, busy));
      scaler.look(now);
    }
  }
  void blocks(int count) { run(count * kBlock, by_block); }
  /// To 500 ms before a burst, so that peaks of the one before are long forgotten.
  void to_before_burst() {
    const Duration phase = now.time_since_epoch() % kBlock;
    run((kBlock + 3500ms - phase) % kBlock, by_block);
  }

  void steer(const std::shared_ptr<upstream::Shared>& /*shared*/, std::size_t /*worker*/,
             std::uint32_t target, bool early) override {
    told = target;
    if (early) ++early_steers;
  }
  void scaled(const Target& /*target*/, const Change& change) override { last = change; }
  [[nodiscard]] double queued(const Target& /*target*/) override { return waiting; }

  [[nodiscard]] Foresight foresight() const {
    const auto foresight = scaler.foresight(*shared);
    REQUIRE(foresight);
    return *foresight;
  }
  [[nodiscard]] std::uint64_t grown_by_forecast() const {
    const auto report = scaler.report();
    return report.front().grown.at(static_cast<std::size_t>(ScaleReason::kForecast));
  }

  net::Loop loop;
  Scaler scaler{loop, *this};
  std::shared_ptr<upstream::Shared> shared;
  policy::ScaleOptions options;
  TimePoint now{24h};
  std::uint32_t told = 0;
  int early_steers = 0;
  double waiting = 0;
  Change last;
};

TEST_CASE("act: once two blocks were seen connections are there before the burst") {
  Scene scene(Stance::kAct);
  scene.blocks(1);
  scene.to_before_burst();
  CHECK(scene.told < 10);
  CHECK_FALSE(scene.foresight().connections);
  scene.blocks(1);
  REQUIRE(scene.now.time_since_epoch() % kBlock == 3500ms);
  scene.run(100ms, Scene::by_block);
  CHECK(scene.told < 10);
  scene.run(350ms, Scene::by_block);
  // 3.95 s: the burst comes with the next look.
  CHECK(scene.told >= kBurst);
  CHECK(scene.told <= 64);
  CHECK(scene.last.reason == ScaleReason::kForecast);
  CHECK(scene.grown_by_forecast() >= 1);
  CHECK(scene.early_steers >= 1);
  CHECK(scene.foresight().skill > 0.3);
  CHECK(scene.foresight().target == scene.told);
  // Half of the block later it is gone again.
  scene.run(6s, Scene::by_block);
  CHECK(scene.told < kBurst);
}

TEST_CASE("observe: the forecast is the same, and nothing is done about it") {
  Scene scene(Stance::kObserve);
  scene.blocks(8);
  scene.to_before_burst();
  scene.run(450ms, Scene::by_block);
  CHECK(scene.told < 10);
  CHECK(scene.foresight().connections.value_or(0) >= kBurst);
  CHECK(scene.foresight().target >= kBurst);
  CHECK(scene.grown_by_forecast() == 0);
  CHECK(scene.early_steers == 0);
}

TEST_CASE("off: nothing is kept and nothing is shown") {
  Scene scene(Stance::kOff);
  scene.blocks(8);
  CHECK_FALSE(scene.scaler.foresight(*scene.shared));
  CHECK_FALSE(scene.scaler.report().front().foresight);
}

TEST_CASE("a reload keeps what was learned, with another pool too, unless it switches it off") {
  Scene scene(Stance::kObserve);
  scene.blocks(8);
  scene.to_before_burst();
  SECTION("the same pool") {
    scene.watch();
  }
  SECTION("another pool, and now acted upon") {
    scene.options.predict = Stance::kAct;
    scene.shared = Scene::node();
    scene.watch();
    scene.run(450ms, Scene::by_block);
    CHECK(scene.told >= kBurst);
    return;
  }
  SECTION("off and on") {
    scene.options.predict = Stance::kOff;
    scene.watch();
    scene.options.predict = Stance::kObserve;
    scene.watch();
    scene.run(450ms, Scene::by_block);
    CHECK_FALSE(scene.foresight().connections);
    return;
  }
  scene.run(450ms, Scene::by_block);
  CHECK(scene.foresight().connections.value_or(0) >= kBurst);
}

TEST_CASE("act: where nothing repeats the forecast stands aside") {
  Scene scene(Stance::kAct);
  // Bursts whose distances never come back.
  int step = 0;
  TimePoint next = scene.now;
  const auto restless = [&](TimePoint t) {
    if (t >= next + 1s) next = t + std::chrono::milliseconds(2000 + 7919 * ++step % 9000);
    return t >= next ? kBurst : kCalm;
  };
  scene.run(20min, restless);
  CHECK(scene.foresight().skill < 0.2);
  const std::uint64_t before = scene.grown_by_forecast();
  scene.run(10min, restless);
  // Out of a hundred bursts.
  CHECK(scene.grown_by_forecast() - before <= 5);
}

TEST_CASE("act: the time that many slow handshakes take is looked ahead, and bounds hold") {
  Scene scene(Stance::kAct);
  for (int i = 0; i < 200; ++i) scene.shared->observe_handshake(400ms);
  scene.blocks(8);
  // Some forty at eight at once.
  CHECK(scene.foresight().horizon > 2s);
  CHECK(scene.foresight().horizon < 4s);
  scene.to_before_burst();
  CHECK(scene.told >= kBurst);
  scene.options.max = 12;
  scene.watch();
  scene.run(450ms, Scene::by_block);
  CHECK(scene.told == 12);
  CHECK(scene.foresight().connections.value_or(0) > 12);
}

TEST_CASE("demand is what was asked for: calls that wait count, a backlog only so far") {
  const auto steady = [](TimePoint) { return kCalm; };
  const auto foreseen = [&](Scene& scene) { return scene.foresight().connections.value_or(0); };
  Scene scene(Stance::kObserve);
  const auto bursts_wait = [&](TimePoint t) {
    scene.waiting = Scene::by_block(t) == kBurst ? 25 : 0;
    return steady(t);
  };
  SECTION("in the chain's queue") {
    scene.run(8 * kBlock + 3900ms, bursts_wait);
    CHECK(foreseen(scene) >= 25);
    CHECK(foreseen(scene) < 60);
  }
  SECTION("at the upstream, trials of connections not among them") {
    scene.run(8 * kBlock + 3900ms, [&](TimePoint t) {
      const bool burst = Scene::by_block(t) == kBurst;
      scene.shared->in_flight.store(burst ? 30U : 12U);
      scene.shared->parts()[0].trials.store(10);
      return kCalm;
    });
    CHECK(foreseen(scene) >= 20);
    CHECK(foreseen(scene) < 30);
  }
  SECTION("a backlog") {
    scene.run(8 * kBlock + 3900ms, [&](TimePoint t) {
      scene.waiting = Scene::by_block(t) == kBurst ? 100'000 : 0;
      return kCalm;
    });
    CHECK(foreseen(scene) > 127.9);
    CHECK(foreseen(scene) < 200);
  }
}

}  // namespace
}  // namespace sluice::scaler
