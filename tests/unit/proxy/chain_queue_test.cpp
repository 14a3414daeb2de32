// SPDX-License-Identifier: Apache-2.0
#include "proxy/chain_queue.hpp"

#include "support/catch.hpp"

namespace sluice::proxy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow = TimePoint(1h);

policy::Waiter waiter(std::uint64_t call, Duration left) {
  return {.priority = policy::Priority::kNormal,
          .deadline = kNow + left,
          .upstreams = policy::bit_of(0),
          .client = 1,
          .lane = 0,
          .call = call};
}

}  // namespace

TEST_CASE("nothing is granted to a waiter whose deadline has passed") {
  ChainQueue queue({}, 1);
  REQUIRE(queue.push(waiter(1, 10ms), kNow));
  REQUIRE(queue.push(waiter(2, 10s), kNow));
  CHECK(queue.size() == 2);
  const TimePoint later = kNow + 20ms;
  const auto first = queue.pop_for(0, 0, later);
  REQUIRE(first);
  CHECK(first->waiter.call == 1);
  CHECK(first->end == policy::WaitEnd::kExpired);
  const auto second = queue.pop_for(0, 0, later);
  REQUIRE(second);
  CHECK(second->waiter.call == 2);
  CHECK(second->end == policy::WaitEnd::kGranted);
  CHECK_FALSE(queue.pop_for(0, 0, later));
  CHECK_FALSE(queue.waiting());
}

}  // namespace sluice::proxy
