// SPDX-License-Identifier: Apache-2.0
#include "policy/limiter.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

int take_all(TokenBucket& bucket, TimePoint now) {
  int taken = 0;
  while (taken < 100000 && bucket.take(now).allowed) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("a rested bucket holds its burst, whatever the rest") {
  for (const Duration rest :
       {Duration(0s), Duration(1s), Duration(24h), Duration(24h * 365 * 50)}) {
    for (const double burst : {1.0, 5.0, 300.0}) {
      CAPTURE(rest.count(), burst);
      TokenBucket bucket({.per_second = 300, .burst = burst});
      CHECK(take_all(bucket, at(rest)) == static_cast<int>(burst));
    }
  }
}

TEST_CASE("a burst below one is one, a rate that is not positive allows nothing") {
  TokenBucket bucket({.per_second = 10, .burst = 0});
  CHECK(take_all(bucket, at(0s)) == 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double rate : {0.0, -5.0, nan}) {
    TokenBucket closed({.per_second = rate, .burst = 10});
    const RateResult result = closed.take(at(0s));
    CHECK_FALSE(result.allowed);
    CHECK(result.retry_after == Duration::max());
  }
}

TEST_CASE("retry_after is exact: a nanosecond earlier is refused, then it is allowed") {
  for (const double rate : {0.5, 1.0, 3.0, 300.0, 7777.0, 1e6}) {
    CAPTURE(rate);
    TokenBucket bucket({.per_second = rate, .burst = 2});
    TimePoint now = at(0s);
    for (int i = 0; i < 50; ++i) {
      const RateResult result = bucket.take(now);
      if (result.allowed) {
        CHECK(result.retry_after == Duration::zero());
        continue;
      }
      REQUIRE(result.retry_after > Duration::zero());
      CHECK_FALSE(bucket.peek(now + result.retry_after - 1ns).allowed);
      now += result.retry_after;
      CHECK(bucket.peek(now).allowed);
      REQUIRE(bucket.take(now).allowed);
    }
  }
}

TEST_CASE("never more than burst + rate x time, and all of it for who keeps asking") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const double rate = 1 + 1000 * random.uniform();
    const double burst = 1 + static_cast<double>(random.below(50));
    TokenBucket bucket({.per_second = rate, .burst = burst});
    Duration t{0};
    double allowed = 0;
    while (t < 20s) {
      t += Duration(static_cast<Duration::rep>(
          random.below(2'000'000'000ULL / static_cast<std::uint64_t>(rate))));
      while (bucket.take(at(t)).allowed) ++allowed;
      REQUIRE(allowed <= burst + rate * seconds(t) + 1e-3);
    }
    if (burst > 5) CHECK(allowed >= 0.98 * rate * seconds(t));
  }
}

TEST_CASE("peek takes nothing, a refusal takes nothing") {
  TokenBucket bucket({.per_second = 1, .burst = 3});
  for (int i = 0; i < 10; ++i) CHECK(bucket.peek(at(0s)).allowed);
  CHECK(take_all(bucket, at(0s)) == 3);
  const Duration wait = bucket.take(at(0s)).retry_after;
  for (int i = 0; i < 10; ++i) CHECK(bucket.take(at(0s)).retry_after == wait);
}

TEST_CASE("costs: a batch counts as its items, one above the burst needs a full bucket") {
  TokenBucket bucket({.per_second = 10, .burst = 10});
  CHECK(bucket.take(at(0s), 7).allowed);
  const RateResult refused = bucket.take(at(0s), 7);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.retry_after == 400ms);
  CHECK(bucket.take(at(0s), 3).allowed);
  CHECK(bucket.take(at(0s), 0).allowed);
  CHECK(bucket.take(at(0s), 1000).retry_after == 1s);
  CHECK(bucket.take(at(1s), 1000).allowed);
  CHECK_FALSE(bucket.take(at(1s), 1).allowed);
}

TEST_CASE("clock jumps are harmless") {
  SECTION("forward and back: no more than one burst each way, no lock-out") {
    TokenBucket bucket({.per_second = 10, .burst = 5});
    CHECK(take_all(bucket, at(0s)) == 5);
    CHECK(take_all(bucket, at(10h)) == 5);
    const RateResult back = bucket.take(at(0s));
    CHECK_FALSE(back.allowed);
    CHECK(back.retry_after <= 100ms);
    CHECK(take_all(bucket, at(500ms)) == 5);
  }
  SECTION("peek alone recovers too") {
    TokenBucket bucket({.per_second = 10, .burst = 5});
    CHECK(take_all(bucket, at(10h)) == 5);
    CHECK_FALSE(bucket.peek(at(0s)).allowed);
    CHECK(bucket.peek(at(100ms)).allowed);
  }
  SECTION("far ends of the clock do not overflow") {
    TokenBucket bucket({.per_second = 1e-12, .burst = 1e12});
    CHECK(bucket.take(TimePoint(0s)).allowed);
    CHECK(bucket.take(at(24h * 365 * 100)).retry_after >= Duration::zero());
  }
}

TEST_CASE("a new limit applies at once and forgives no more than its burst") {
  TokenBucket bucket({.per_second = 1, .burst = 100});
  CHECK(take_all(bucket, at(0s)) == 100);
  bucket.set({.per_second = 10, .burst = 10});
  CHECK_FALSE(bucket.take(at(0s)).allowed);
  CHECK(take_all(bucket, at(1s)) == 10);
}

}  // namespace sluice::policy
