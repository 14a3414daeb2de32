// SPDX-License-Identifier: Apache-2.0
#include "app/overload_watch.hpp"

#include <cstdlib>

#include "app/control_place.hpp"
#include "app/rates.hpp"
#include "ethereum/outcome.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace sluice::app;
using namespace std::chrono_literals;

TEST_CASE("many refusals are one episode with a beginning and an end") {
  OverloadWatch watch;
  const TimePoint start{1h};
  CHECK_FALSE(watch.tick(0, start));
  auto change = watch.tick(3, start + 1s);
  REQUIRE(change);
  CHECK(change->begun);
  CHECK(change->rejected == 3);
  // Further ones belong to it, whatever the pauses, as long as these are short.
  CHECK_FALSE(watch.tick(10, start + 2s));
  CHECK_FALSE(watch.tick(10, start + 6s));
  CHECK_FALSE(watch.tick(11, start + 6500ms));
  CHECK_FALSE(watch.tick(11, start + 11s));
  change = watch.tick(11, start + 11500ms);
  REQUIRE(change);
  CHECK_FALSE(change->begun);
  CHECK(change->rejected == 11);
  CHECK(change->lasted == 5500ms);
  CHECK_FALSE(watch.tick(11, start + 1h));
  change = watch.tick(12, start + 2h);
  REQUIRE(change);
  CHECK(change->begun);
  CHECK(change->rejected == 1);
}

TEST_CASE("rates are of the last ten seconds") {
  Rates rates;
  const metrics::UpstreamSlot slot{5};
  metrics::Registry::UpstreamTotals totals;
  totals.attempts.assign(ethereum::kOutcomes + 4, 0);
  CHECK(rates.of(slot).attempts_per_s == 0);
  TimePoint at{1h};
  for (int i = 0; i <= 20; ++i) {
    rates.take(slot, totals, at);
    at += 1s;
    // 10 good ones a second at first, then 20 with some that count against the upstream.
    const bool late = i >= 10;
    totals.attempts[0] += late ? 16 : 10;
    totals.attempts[static_cast<std::size_t>(ethereum::Outcome::kNodeFault)] += late ? 1 : 0;
    totals.attempts[ethereum::kOutcomes] += late ? 1 : 0;
    totals.attempts.back() += late ? 2 : 0;  // nobody's fault
    totals.durations[metrics::bucket_index(1'000'000)] += 10;
  }
  const Rate rate = rates.of(slot);
  CHECK(rate.attempts_per_s == Approx(20));
  CHECK(rate.failures_per_s == Approx(2));
  CHECK(rate.p50_s == Approx(0.00075));
  CHECK(rate.p99_s == Approx(0.000995));
  rates.forget_before(at - 1s);
  CHECK(rates.of(slot).attempts_per_s > 0);
  rates.forget_before(at);
  CHECK(rates.of(slot).attempts_per_s == 0);
}

TEST_CASE("a quantile is read from buckets") {
  std::array<std::uint64_t, metrics::kBuckets> counts{};
  CHECK(metrics::quantile_s(counts, 0.5) == 0);
  counts[0] = 100;  // up to 50 us
  CHECK(metrics::quantile_s(counts, 0.5) == Approx(25e-6));
  counts.back() = 100;  // beyond 30 s
  CHECK(metrics::quantile_s(counts, 0.99) == Approx(30));
  CHECK(metrics::quantile_s(counts, 0.5) == Approx(50e-6));
}

TEST_CASE("only the default place has another behind it") {
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  CHECK(control_paths("/x/y.sock") == std::vector<std::string>{"/x/y.sock"});
  CHECK(control_paths(kControlSocket) ==
        std::vector<std::string>{kControlSocket, "/run/user/7/sluice/ctl.sock"});
  ::setenv("XDG_RUNTIME_DIR", "relative", 1);
  CHECK(control_paths(kControlSocket).size() == 1);
  ::unsetenv("XDG_RUNTIME_DIR");
  CHECK(control_paths(kControlSocket).size() == 1);
}
