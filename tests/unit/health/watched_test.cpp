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

}  // namespace
}  // namespace sluice::health
