// SPDX-License-Identifier: Apache-2.0
#include "health/watched.hpp"

#include <memory>

#include "net/loop.hpp"
#include "support/catch.hpp"
#include "upstream/shared.hpp"

namespace sluice::health {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a breaker that was open before is not told of again, but its closing is") {
  net::Loop loop;
  const auto shared = std::make_shared<upstream::Shared>(upstream::Options{}, nullptr,
                                                         std::make_shared<upstream::Ceiling>());
  policy::Breaker& breaker = shared->classes().breaker(2);
  breaker.override_with(policy::BreakerOverride::kOpen);
  REQUIRE(breaker.state() == policy::BreakerState::kOpen);
  Watched watched(loop, shared, 2s, now());
  BreakerChange change;
  CHECK_FALSE(watched.next_breaker_change(change, now()));
  breaker.override_with(policy::BreakerOverride::kClosed);
  REQUIRE(watched.next_breaker_change(change, now()));
  CHECK(change.method_class == 2);
  CHECK(change.to == policy::BreakerState::kClosed);
  CHECK(change.open < 1min);
}

TEST_CASE("a warm-up counts what is dialled or tried, and not the calls of before") {
  net::Loop loop;
  upstream::Options options;
  options.warm_up = 3;
  options.connections_max = 64;
  const auto shared = std::make_shared<upstream::Shared>(options, nullptr,
                                                         std::make_shared<upstream::Ceiling>(), 2);
  Watched watched(loop, shared, 2s, now());
  // Two connections, one of them with a batch of twenty calls from before it went out.
  shared->connections = 2;
  shared->in_flight = 20;
  shared->in_flight_shared = 19;
  shared->warm_ups_failed = 5;
  watched.warm_up_began();
  CHECK(watched.warm_up().wanted == 3);
  CHECK(watched.warm_up().ready == 2);
  CHECK(watched.warm_up().under_way == 0);
  CHECK(watched.warm_up().failed == 0);
  // One more is dialled, another is tried by the other worker, a call waits for one.
  shared->connections = 5;
  shared->connecting = 1;
  shared->parts()[1].trials = 1;
  shared->parked = 1;
  shared->warm_ups_failed = 6;
  CHECK(watched.warm_up().ready == 2);
  CHECK(watched.warm_up().under_way == 2);
  CHECK(watched.warm_up().failed == 1);
  // No more than the limit allows.
  shared->limit = 1;
  CHECK(watched.warm_up().wanted == 1);
}

}  // namespace
}  // namespace sluice::health
