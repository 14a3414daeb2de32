// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "policy/limiter.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

TEST_CASE("a token bucket never gives more than its burst and what trickled in") {
  sluice::test::check_property("bound", [](const std::vector<std::uint32_t>& gaps_us) {
    const RateLimit limit{.per_second = 100.0, .burst = 5.0};
    TokenBucket bucket(limit);
    TimePoint now = at(0s);
    const TimePoint start = now;
    double taken = 0;
    for (const std::uint32_t gap : gaps_us) {
      now += std::chrono::microseconds(gap % 50'000);
      if (bucket.take(now).allowed) taken += 1;
      RC_ASSERT(taken <= limit.burst + limit.per_second * seconds(now - start) + 1e-6);
    }
  });
}

}  // namespace
}  // namespace sluice::policy
