// SPDX-License-Identifier: Apache-2.0
#include "policy/hedge.hpp"

#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

HedgeMoment good() {
  return {.other_upstream = true,
          .utilisation = 0.7,
          .limiting = false,
          .queued = false,
          .remaining = 1s,
          .expected = 10ms};
}

}  // namespace

TEST_CASE("the quantile: the wanted one, or what the budget pays for") {
  CHECK(hedge_quantile({.quantile = 0.95, .budget = 0.02}) == Approx(0.99));
  CHECK(hedge_quantile({.quantile = 0.95, .budget = 0.10}) == Approx(0.95));
  CHECK(hedge_quantile({.quantile = 0.995, .budget = 0.02}) == Approx(0.995));
  CHECK(hedge_quantile({.quantile = 0.95, .budget = 0.0}) == Approx(1.0));
}

TEST_CASE("when a second attempt is due") {
  struct Row {
    const char* name;
    HedgeTiming timing;
    std::optional<Duration> delay;
  };
  const std::vector<Row> rows = {
      {"as the class takes", {Resend::kFreely, 50ms, 100, 0ms}, 50ms},
      {"one call short of enough", {Resend::kFreely, 50ms, 99, 0ms}, std::nullopt},
      {"nothing known", {Resend::kFreely, 0ms, 1000, 10ms}, std::nullopt},
      {"not sooner than", {Resend::kFreely, 19ms, 100, 0ms}, 20ms},
      {"not later than", {Resend::kFreely, 3s, 100, 0ms}, 2s},
      {"an upstream that often hangs", {Resend::kFreely, 1s, 100, 40ms}, 120ms},
      {"one that does not", {Resend::kFreely, 100ms, 100, 40ms}, 100ms},
      {"heavy", {Resend::kRetry, 50ms, 100, 0ms}, std::nullopt},
      {"broadcast", {Resend::kByHash, 50ms, 100, 0ms}, std::nullopt},
      {"filter", {Resend::kPinned, 50ms, 100, 0ms}, std::nullopt},
      {"write", {Resend::kNever, 50ms, 100, 0ms}, std::nullopt},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(hedge_delay({}, row.timing) == row.delay);
    CHECK(hedge_delay({.budget = 0.0}, row.timing) == std::nullopt);
  }
}

TEST_CASE("whether it starts, at each bound and one past it") {
  struct Row {
    const char* name;
    HedgeMoment moment;
    HedgeVerdict verdict;
  };
  std::vector<Row> rows = {{"all is well", good(), HedgeVerdict::kStart}};
  rows.push_back({"nowhere else", good(), HedgeVerdict::kNoOther});
  rows.back().moment.other_upstream = false;
  rows.push_back({"busy", good(), HedgeVerdict::kBusy});
  rows.back().moment.utilisation = 0.7001;
  rows.push_back({"limiting", good(), HedgeVerdict::kBusy});
  rows.back().moment.limiting = true;
  rows.push_back({"queued", good(), HedgeVerdict::kBusy});
  rows.back().moment.queued = true;
  rows.push_back({"just in time", good(), HedgeVerdict::kStart});
  rows.back().moment.remaining = 10ms + 1ns;
  rows.push_back({"too late", good(), HedgeVerdict::kDeadline});
  rows.back().moment.remaining = 10ms;
  for (const Row& row : rows) {
    INFO(row.name);
    HedgeBudget own({}, at(0s));
    RetryBudget shared({}, at(0s));
    CHECK(hedge_now({}, row.moment, at(0s), own, shared) == row.verdict);
    const bool started = row.verdict == HedgeVerdict::kStart;
    CHECK(own.balance(at(0s)) == Approx(started ? 9.0 : 10.0));
    CHECK(shared.balance(at(0s)) == Approx(started ? 29.0 : 30.0));
  }
}

TEST_CASE("hedges stop at their own budget, and before they take from retries what those need") {
  HedgeBudget own({}, at(0s));
  RetryBudget shared({}, at(0s));
  int started = 0;
  while (hedge_now({}, good(), at(0s), own, shared) == HedgeVerdict::kStart) ++started;
  CHECK(started == 10);
  HedgeBudget large({.burst = 100}, at(0s));
  while (hedge_now({}, good(), at(0s), large, shared) == HedgeVerdict::kStart) ++started;
  CHECK(started == 15);
  CHECK(shared.balance(at(0s)) == Approx(15.0));
  CHECK(large.balance(at(0s)) == Approx(95.0));
}

TEST_CASE("probes take what calls have brought to the shared budget, not what quiet clients have") {
  RetryBudget shared({.ratio = 0.5, .floor_per_s = 0.25}, at(0s));
  for (int i = 0; i < 3; ++i) shared.on_call(at(0s));
  CHECK(shared.balance(at(0s)) == Approx(4.0));
  shared.charge(at(0s));
  CHECK(shared.balance(at(0s)) == Approx(3.0));
  shared.charge(at(0s));
  shared.charge(at(0s));
  CHECK(shared.balance(at(0s)) == Approx(2.5));
  CHECK(shared.try_spend(at(0s)));
  shared.charge(at(0s));
  CHECK(shared.balance(at(0s)) == Approx(1.5));
}

TEST_CASE("the budget of hedges holds for any sequence of calls and wishes") {
  sluice::test::check_property("bound", [](const std::vector<std::uint16_t>& steps) {
    const HedgeOptions options;
    HedgeBudget own(options, at(0s));
    RetryBudget shared({.floor_per_s = 1e6}, at(0s));
    TimePoint now = at(0s);
    double calls = 0;
    double hedges = 0;
    for (const std::uint16_t step : steps) {
      now += std::chrono::microseconds(step % 5000);
      for (int i = 0; i < step % 64; ++i) own.on_call(now);
      calls += step % 64;
      if (hedge_now(options, good(), now, own, shared) == HedgeVerdict::kStart) hedges += 1;
      RC_ASSERT(hedges <= options.burst + options.budget * calls + 1e-6);
      RC_ASSERT(own.balance(now) >= -1e-9);
    }
  });
}

TEST_CASE("the shared budget holds for retries, hedges and probes together") {
  sluice::test::check_property("bound", [](const std::vector<std::uint16_t>& steps) {
    const RetryBudget::Options options;
    RetryBudget shared(options, at(0s));
    TimePoint now = at(0s);
    double calls = 0;
    double spent = 0;
    for (const std::uint16_t step : steps) {
      now += std::chrono::microseconds(step % 5000);
      for (int i = 0; i < step % 16; ++i) shared.on_call(now);
      calls += step % 16;
      if (step % 7 == 0) shared.charge(now);
      if (shared.try_spend(now, step % 3 == 0 ? shared.resting() / 2 : 0.0)) spent += 1;
      const double bound = options.floor_per_s * (seconds(options.ttl) + seconds(now - at(0s))) +
                           options.ratio * calls;
      RC_ASSERT(spent <= bound + 1e-6);
      RC_ASSERT(shared.balance(now) >= -1e-9);
    }
  });
}

}  // namespace sluice::policy
