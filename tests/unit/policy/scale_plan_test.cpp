// SPDX-License-Identifier: Apache-2.0
#include "policy/scale_plan.hpp"

#include <numeric>
#include <vector>

#include "policy/connection_record.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

/// One upstream's planner, fed every interval with what its workers do.
struct Planned {
  explicit Planned(const ScaleOptions& with, std::size_t workers = 1)
      : options(with), plan(with, workers), samples(workers) {}

  ScaleStep step(double busy, std::uint32_t peak, std::uint32_t open, ScaleSample sample = {}) {
    for (auto& worker : samples) worker = {.busy = busy, .peak = peak, .open = open};
    sample.workers = samples;
    now += options.interval;
    return plan.plan(sample, now);
  }
  /// The same load, met by as many connections as planned.
  ScaleStep run(Duration time, double busy, std::uint32_t peak, const ScaleSample& sample = {}) {
    ScaleStep last;
    for (const TimePoint until = now + time; now < until;)
      last = step(busy, peak, plan.target() / static_cast<std::uint32_t>(samples.size()), sample);
    return last;
  }

  ScaleOptions options;
  ScalePlan plan;
  std::vector<WorkerSample> samples;
  TimePoint now = at(0s);
};

TEST_CASE("sized: the load and two deviations, at once up and slowly down") {
  Planned up({.mode = ScaleMode::kSized, .max = 500});
  CHECK(up.plan.target() == 1);
  const ScaleStep step = up.step(16, 16, 1);
  CHECK(step.target == 24);
  CHECK(step.reason == ScaleReason::kDemand);
  // What was busy at once counts for half a minute even where the mean is lower.
  CHECK(up.step(16, 40, 24).target == 40);
  up.run(29s, 4, 4);
  CHECK(up.plan.target() == 40);
  up.run(7s, 4, 4);
  CHECK(up.plan.target() < 30);
  CHECK(up.plan.target() > 8);
  up.run(120s, 4, 4);
  CHECK(up.plan.target() == 8);
  up.run(120s, 0, 0);
  CHECK(up.plan.target() == 1);
}

TEST_CASE("sized: a peak ages when the cool-down was made longer meanwhile") {
  Planned p({.mode = ScaleMode::kSized, .max = 500});
  p.now = at(1h);
  p.step(4, 100, 4);
  REQUIRE(p.plan.target() == 100);
  p.options.cooldown = 60s;
  p.plan.set(p.options);
  p.run(30min, 4, 4);
  CHECK(p.plan.target() < 12);
}

TEST_CASE("sized: one connection more or less is not closed and dialled over and over") {
  Planned steady({.mode = ScaleMode::kSized, .max = 500});
  steady.run(60s, 16, 30);
  int changes = 0;
  for (int i = 0; i < 1200; ++i) {
    const std::uint32_t target = steady.plan.target();
    steady.step(16, i % 90 == 0 ? 31 : 30, target);
    changes += steady.plan.target() != target ? 1 : 0;
  }
  CHECK(changes <= 1);
}

TEST_CASE("threshold: steps above `up`, nothing in between, shrinking below `down`") {
  Planned p({.mode = ScaleMode::kThreshold, .min = 2, .max = 20});
  CHECK(p.step(1.5, 2, 2).target == 2);
  const ScaleStep grown = p.step(1.7, 2, 2);
  CHECK(grown.target == 4);
  CHECK(grown.reason == ScaleReason::kUtilization);
  CHECK(p.run(5s, 2, 2).target == 4);
  p.run(20s, 19, 19);
  CHECK(p.plan.target() == 20);
  p.run(25s, 1, 1);
  CHECK(p.plan.target() == 20);
  p.run(60s, 1, 1);
  CHECK(p.plan.target() <= 4);
  p.run(60s, 0, 0);
  CHECK(p.plan.target() == 2);
}

TEST_CASE("bounds: the smallest holds, and says so") {
  struct Row {
    const char* name;
    ScaleSample sample;
    std::uint32_t target;
    ScaleReason reason;
  };
  constexpr auto kNoLimit = std::numeric_limits<std::uint32_t>::max();
  for (const Row& row : {
           Row{"max", {}, 64, ScaleReason::kBounds},
           Row{"limiter", {.limit = 20}, 20, ScaleReason::kLimit},
           Row{"limiter of nothing", {.limit = 0}, 0, ScaleReason::kLimit},
           Row{"ceiling", {.ceiling_share = 30}, 30, ScaleReason::kBounds},
           Row{"limiter below the ceiling",
               {.limit = 20, .ceiling_share = 30},
               20,
               ScaleReason::kLimit},
           Row{"rate", {.rate_bound = 9}, 15, ScaleReason::kThrottled},
           Row{"429", {.throttled = true}, 1, ScaleReason::kNone},
           Row{"forced", {.forced = 5}, 5, ScaleReason::kForced},
           Row{"forced to nothing", {.forced = 0}, 0, ScaleReason::kForced},
           Row{"forced above the limiter", {.limit = 3, .forced = 5}, 3, ScaleReason::kLimit},
           Row{"no limit", {.limit = kNoLimit}, 64, ScaleReason::kBounds},
       }) {
    INFO(row.name);
    Planned p({.mode = ScaleMode::kSized, .min = 1, .max = 64});
    const ScaleStep step = p.step(100, 100, 1, row.sample);
    CHECK(step.target == row.target);
    CHECK(step.reason == row.reason);
  }
}

TEST_CASE("a limit that falls is followed at once, as an order is, and both may be withdrawn") {
  Planned p({.mode = ScaleMode::kSized, .max = 64});
  p.run(5s, 40, 40);
  CHECK(p.plan.target() > 40);
  CHECK(p.step(40, 40, 50, {.limit = 10}).target == 10);
  CHECK(p.step(10, 10, 10).target > 40);
  CHECK(p.step(10, 10, 50, {.forced = 3}).target == 3);
  CHECK(p.step(10, 10, 3).target > 40);
}

TEST_CASE("a forecast: observed it changes nothing, acted on it adds") {
  for (const Stance use : {Stance::kOff, Stance::kObserve, Stance::kAct}) {
    Planned p({.mode = ScaleMode::kSized, .predict = use, .max = 500});
    const ScaleStep step = p.step(4, 4, 1, {.forecast = 100});
    CHECK(step.target == (use == Stance::kAct ? 100U : 8U));
    CHECK(step.ahead == (use == Stance::kOff ? 8U : 100U));
    CHECK(step.reason == (use == Stance::kAct ? ScaleReason::kForecast : ScaleReason::kDemand));
    // One that is lower than what is needed now takes nothing away.
    CHECK(p.run(10s, 16, 16, {.forecast = 1}).target >= 24);
  }
}

TEST_CASE("a forecast holds for a second after its moment, and a higher one at once") {
  Planned p({.mode = ScaleMode::kSized, .predict = Stance::kAct, .max = 500});
  CHECK(p.step(1, 1, 1, {.forecast = 30}).target == 30);
  CHECK(p.step(1, 1, 30, {.forecast = 5}).target == 30);
  CHECK(p.step(1, 1, 30, {.forecast = 40}).target == 40);
  CHECK(p.run(750ms, 1, 1, {.forecast = 5}).target == 40);
  CHECK(p.run(250ms, 1, 1, {.forecast = 5}).target == 5);
  CHECK(p.run(1s, 1, 1).target == 3);
}

TEST_CASE("what is opened ahead of a burst goes to the workers where bursts came") {
  Planned p({.mode = ScaleMode::kSized, .cooldown = 1s, .predict = Stance::kAct, .max = 500}, 3);
  p.samples = {{}, {.busy = 1, .peak = 20}, {.peak = 10}};
  ScaleSample sample;
  sample.workers = p.samples;
  static_cast<void>(p.plan.plan(sample, p.now));
  // Long enough for peaks to be forgotten, but by the worker's part.
  p.run(12s, 0, 0);
  REQUIRE(p.plan.target() == 1);
  CHECK(p.step(0, 0, 0, {.forecast = 24}).target == 24);
  CHECK(p.plan.shares()[1] > 15);
  CHECK(p.plan.shares()[2] > 5);
  CHECK(p.plan.shares()[0] <= 1);
}

TEST_CASE("off: the minimum, whatever happens") {
  Planned p({.mode = ScaleMode::kOff, .min = 3, .max = 64});
  CHECK(p.step(50, 60, 60).target == 3);
  CHECK(p.step(50, 60, 60, {.forced = 9}).target == 9);
}

TEST_CASE("shares follow who needs them, and sum up to the target") {
  Planned p({.mode = ScaleMode::kSized, .min = 5, .max = 20}, 4);
  CHECK(std::accumulate(p.plan.shares().begin(), p.plan.shares().end(), 0U) == 5);
  CHECK(p.plan.shares()[0] == 2);
  p.samples = {{.busy = 4, .peak = 4, .open = 4}, {}, {.busy = 1, .peak = 1, .open = 1}, {}};
  ScaleSample sample;
  sample.workers = p.samples;
  CHECK(p.plan.plan(sample, p.now).target == 11);
  CHECK(p.plan.shares()[0] == 8);
  CHECK(p.plan.shares()[1] == 0);
  CHECK(p.plan.shares()[2] == 3);
  // With too little for all, each has its part.
  p.samples = {{.busy = 30, .peak = 40, .open = 4}, {}, {.busy = 10, .peak = 20, .open = 1}, {}};
  sample.workers = p.samples;
  p.now += 250ms;
  CHECK(p.plan.plan(sample, p.now).target == 20);
  CHECK(p.plan.shares()[0] > p.plan.shares()[2]);
  CHECK(p.plan.shares()[2] > 4);
}

TEST_CASE("whatever is sampled: within the bounds, shared out whole, never above a limit") {
  sluice::test::check_property("plan", [](const std::vector<std::uint32_t>& draws, bool threshold) {
    const ScaleOptions options{.mode = threshold ? ScaleMode::kThreshold : ScaleMode::kSized,
                               .predict = Stance::kAct,
                               .min = 2,
                               .max = 40};
    ScalePlan plan(options, 3);
    TimePoint now = at(0s);
    for (const std::uint32_t draw : draws) {
      now += std::chrono::milliseconds(draw % 2'000);
      const std::vector<WorkerSample> workers = {
          {.busy = (draw % 97) / 2.0, .peak = draw % 101, .open = draw % 103}, {}, {.peak = 3}};
      ScaleSample sample{.workers = workers, .limit = draw % 61 + 1};
      if (draw % 3 == 0) sample.forecast = draw % 1'000;
      if (draw % 11 == 0) sample.forced = draw % 100;
      sample.throttled = draw % 5 == 0;
      const ScaleStep step = plan.plan(sample, now);
      RC_ASSERT(step.target <= sample.limit);
      RC_ASSERT(step.target <= options.max);
      RC_ASSERT(sample.forced || step.target >= std::min(options.min, sample.limit));
      std::uint32_t shared = 0;
      for (const std::uint32_t share : plan.shares()) shared += share;
      RC_ASSERT(shared == step.target);
    }
  });
}

TEST_CASE("a connection's record: failures in a row and slowness, against its pool") {
  using Verdict = ConnectionRecord::Verdict;
  ConnectionRecord record;
  CHECK(record.verdict(10ms) == Verdict::kGood);
  for (int i = 0; i < 3; ++i) record.answered(1ms);
  record.judged(true);
  record.judged(true);
  CHECK(record.verdict(10ms) == Verdict::kGood);
  CHECK(record.score(10ms) == Approx(1.0 / 3));
  record.judged(true);
  CHECK(record.verdict(10ms) == Verdict::kFailing);
  CHECK(record.score(10ms) == 0);
  record.answered(1ms);
  record.judged(false);
  CHECK(record.verdict(10ms) == Verdict::kGood);
  CHECK(record.consecutive_errors() == 0);
  CHECK(record.requests() == 4);

  ConnectionRecord slow;
  for (std::uint32_t i = 1; i < ConnectionRecord::kSlowCalls; ++i) slow.answered(100ms);
  CHECK(slow.verdict(10ms) == Verdict::kGood);
  slow.answered(100ms);
  CHECK(slow.verdict(10ms) == Verdict::kSlow);
  CHECK(slow.verdict(30ms) == Verdict::kGood);
  CHECK(slow.verdict(0ms) == Verdict::kGood);
  CHECK(slow.score(10ms) == Approx(0.1));
  // Four times a millisecond is no reason.
  ConnectionRecord quick;
  for (int i = 0; i < 100; ++i) quick.answered(8ms);
  CHECK(quick.verdict(1ms) == Verdict::kGood);
}

TEST_CASE("ages differ by a fifth either way, and idle connections go before the node drops them") {
  CHECK(jittered_age(100s, 0) == 80s);
  CHECK(jittered_age(100s, 0.5) == 100s);
  CHECK(jittered_age(100s, 1) == 120s);
  CHECK(idle_allowed(60s, 0s) == 60s);
  CHECK(idle_allowed(60s, 75s) == 60s);
  CHECK(idle_allowed(60s, 15s) == 14s);
  CHECK(idle_allowed(60s, 1s) == 500ms);
  CHECK(idle_allowed(5s, 60s) == 5s);
}

}  // namespace
}  // namespace sluice::policy
