// SPDX-License-Identifier: Apache-2.0
#include "policy/queue.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "support/catch.hpp"
#include "unit/policy/allocations.hpp"
#include "unit/policy/queue_model.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

Waiter waiter(Priority priority, Duration deadline, UpstreamSet upstreams, std::uint64_t call) {
  return {.priority = priority,
          .deadline = at(deadline),
          .upstreams = upstreams,
          .client = 0,
          .lane = 0,
          .call = call};
}

std::vector<std::uint64_t> drain(WaitQueue& queue, std::uint32_t upstream) {
  std::vector<std::uint64_t> calls;
  while (const auto granted = queue.pop_for(upstream, 0, at(0s))) {
    calls.push_back(granted->waiter.call);
  }
  return calls;
}

void check_same(const std::optional<Granted>& got, const std::optional<QueueModel::Entry>& wanted,
                WaitEnd end) {
  REQUIRE(got.has_value() == wanted.has_value());
  if (!got) return;
  REQUIRE(got->end == end);
  REQUIRE(got->handle == wanted->handle);
  REQUIRE(got->waiter.call == wanted->waiter.call);
  REQUIRE(got->waiter.client == wanted->waiter.client);
  REQUIRE(got->waiter.deadline == wanted->waiter.deadline);
}

/// Whoever has the earliest deadline, one after the other; of those who share it, any.
std::size_t expire_all(WaitQueue& queue, QueueModel& model, TimePoint now) {
  std::size_t expired = 0;
  while (true) {
    const auto earliest = model.next_deadline();
    const auto got = queue.expire(now);
    REQUIRE(got.has_value() == (earliest && *earliest <= now));
    if (!got) return expired;
    REQUIRE(got->end == WaitEnd::kExpired);
    REQUIRE(got->waiter.deadline == *earliest);
    REQUIRE(model.cancel(got->handle));
    ++expired;
  }
}

Waiter random_waiter(Random& random, Duration now, std::uint64_t call) {
  // Few distinct deadlines, so that ties are common; sometimes in the past; masks of every density.
  const auto ahead = static_cast<Duration::rep>(random.below(random.below(4) == 0 ? 600 : 40)) - 2;
  UpstreamSet set = random.next();
  for (auto thin = random.below(5); thin > 0; --thin) set &= random.next();
  return {.priority = static_cast<Priority>(random.below(kPriorities)),
          .deadline = at(now + ahead * 1ms),
          .upstreams = set,
          .client = random.below(5),
          .lane = static_cast<std::uint32_t>(random.below(3)),
          .call = call};
}

}  // namespace

TEST_CASE("the most urgent waiter for an upstream: priority, then deadline, then arrival") {
  WaitQueue queue({});
  const UpstreamSet both = 0b11;
  REQUIRE(queue.push(waiter(Priority::kLow, 1s, both, 1), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kNormal, 9s, both, 2), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kCritical, 20s, 0b10, 3), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kNormal, 8s, both, 4), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kHigh, 30s, 0b01, 5), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kNormal, 8s, both, 6), at(0s)));
  CHECK(queue.size() == 6);
  CHECK(queue.size(Priority::kNormal) == 3);
  CHECK(drain(queue, 2).empty());
  CHECK(drain(queue, 64).empty());
  CHECK(drain(queue, 0) == std::vector<std::uint64_t>{5, 4, 6, 2, 1});
  CHECK(drain(queue, 1) == std::vector<std::uint64_t>{3});
  CHECK(queue.size() == 0);
}

TEST_CASE("what is not let in, and why") {
  WaitQueue queue({.max = 2, .reserve = 0});
  CHECK(queue.push(waiter(Priority::kLow, 1s, 0, 1), at(0s)).error() == PushRefusal::kNoUpstream);
  CHECK(queue.push(waiter(Priority::kLow, 1s, 1, 1), at(1s)).error() == PushRefusal::kExpired);
  const auto first = queue.push(waiter(Priority::kLow, 1s, 1, 1), at(0s));
  REQUIRE(first);
  REQUIRE(queue.push(waiter(Priority::kLow, 1s, 1, 2), at(0s)));
  CHECK(queue.push(waiter(Priority::kLow, 1s, 1, 3), at(0s)).error() == PushRefusal::kFull);
  CHECK(queue.cancel(first->handle));
  CHECK(queue.push(waiter(Priority::kLow, 1s, 1, 3), at(0s)));
  queue.set({.max = 1, .reserve = 0});
  CHECK(queue.size() == 2);
  CHECK(queue.push(waiter(Priority::kLow, 1s, 1, 4), at(0s)).error() == PushRefusal::kFull);
  CHECK(drain(queue, 0) == std::vector<std::uint64_t>{2, 3});
}

TEST_CASE("expire gives each waiter back once, at its deadline, earliest first") {
  WaitQueue queue({});
  REQUIRE(queue.push(waiter(Priority::kCritical, 5s, 1, 1), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kLow, 3s, 1, 2), at(0s)));
  REQUIRE(queue.push(waiter(Priority::kNormal, 4s, 1, 3), at(0s)));
  CHECK_FALSE(queue.expire(at(3s - 1ns)));
  CHECK(queue.expire(at(4s))->waiter.call == 2);
  CHECK(queue.expire(at(4s))->waiter.call == 3);
  CHECK_FALSE(queue.expire(at(4s)));
}

TEST_CASE("a handle ends with its stay, also when its slot is used again") {
  WaitQueue queue({.max = 1, .reserve = 0});
  std::vector<WaitHandle> ended;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto handle = queue.push(waiter(Priority::kNormal, 1s, 1, i), at(0s));
    REQUIRE(handle);
    for (const WaitHandle& old : ended) REQUIRE_FALSE(queue.cancel(old));
    REQUIRE(queue.size() == 1);
    if (i % 3 == 0) REQUIRE(queue.cancel(handle->handle));
    if (i % 3 == 1) REQUIRE(queue.pop_for(0, 0, at(0s))->handle == handle->handle);
    if (i % 3 == 2) REQUIRE(queue.expire(at(1s))->handle == handle->handle);
    REQUIRE_FALSE(queue.cancel(handle->handle));
    ended.push_back(handle->handle);
  }
  CHECK_FALSE(queue.cancel({}));
  CHECK_FALSE(queue.cancel({.slot = 77, .generation = 0}));
}

TEST_CASE("with a reserve, low priority moves while critical floods") {
  WaitQueue queue({.max = 1000, .reserve = 0.05});
  REQUIRE(queue.push(waiter(Priority::kLow, 1s, 1, 1000), at(0s)));
  for (std::uint64_t i = 0; i < 100; ++i) {
    REQUIRE(queue.push(waiter(Priority::kCritical, 2s, 1, i), at(0s)));
  }
  int until_low = 0;
  while (queue.pop_for(0, 0, at(0s))->waiter.call != 1000) ++until_low;
  CHECK(until_low == 19);
}

TEST_CASE("the queue agrees with plain lists over random operations") {
  std::size_t stale = 0;
  std::size_t shed = 0;
  std::size_t displaced = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const double reserve = seed % 2 == 0 ? 0.0 : 0.3;
    const std::uint32_t max = seed % 5 == 0 ? 8 : 100;
    const std::uint64_t pops = seed % 3 == 0 ? 10 : 30;
    WaitQueue queue({.max = max, .reserve = reserve}, 3);
    QueueModel model(max, reserve, 3);
    std::vector<WaitHandle> all;
    std::size_t entered = 0;
    std::size_t left = 0;
    Duration now{0};
    for (std::uint64_t step = 0; step < 6000; ++step) {
      const auto dice = random.below(100);
      if (dice < 45) {
        const Waiter w = random_waiter(random, now, step);
        const auto wanted = model.push(w, at(now));
        const auto got = queue.push(w, at(now));
        REQUIRE(got.has_value() == wanted.has_value());
        if (!got) {
          REQUIRE(got.error() == wanted.error());
          if (got.error() == PushRefusal::kShed) ++shed;
          continue;
        }
        REQUIRE(std::find(all.begin(), all.end(), got->handle) == all.end());
        check_same(got->displaced, *wanted, WaitEnd::kDisplaced);
        if (got->displaced) ++left, ++displaced;
        all.push_back(got->handle);
        model.entered(got->handle, w, at(now));
        ++entered;
      } else if (dice < 45 + pops) {
        const auto upstream = static_cast<std::uint32_t>(random.below(64));
        const auto lane = static_cast<std::uint32_t>(random.below(3));
        const auto got = queue.pop_for(upstream, lane, at(now));
        const auto wanted = model.pop_for(upstream, lane, at(now));
        REQUIRE(got.has_value() == wanted.has_value());
        if (!got) continue;
        check_same(got, wanted->first, wanted->second);
        if (got->end == WaitEnd::kStale) ++stale;
        ++left;
      } else if (dice < 85 && !all.empty()) {
        const WaitHandle handle = all[random.below(all.size())];
        const bool done = queue.cancel(handle);
        REQUIRE(done == model.cancel(handle));
        if (done) ++left;
      } else {
        now += static_cast<Duration::rep>(random.below(6)) * 1ms;
        left += expire_all(queue, model, at(now));
      }
      REQUIRE(queue.size() == model.entries.size());
      REQUIRE(queue.size() == entered - left);
    }
    // Nobody is lost: all that are left come out of it.
    left += expire_all(queue, model, at(now + 1h));
    CHECK(left == entered);
    CHECK(queue.size() == 0);
  }
  // All of the rules have been met.
  CHECK(stale > 50);
  CHECK(shed > 50);
  CHECK(displaced > 50);
}

TEST_CASE("a warm queue does not allocate") {
  WaitQueue queue({.max = 500, .reserve = 0.05}, 4);
  Random random(3);
  const auto round = [&] {
    for (std::uint64_t i = 0; i < 500; ++i) {
      (void)queue.push(
          {.priority = static_cast<Priority>(random.below(4)),
           .deadline = at(1s + Duration(static_cast<Duration::rep>(random.below(1000)))),
           .upstreams = random.next() | 1,
           .client = random.below(40),
           .lane = static_cast<std::uint32_t>(random.below(4)),
           .call = i},
          at(0s));
    }
    for (std::uint32_t i = 0; i < 200; ++i) (void)queue.pop_for(i % 64, i % 4, at(0s));
    while (queue.expire(at(1h))) {
    }
  };
  // How many clients, and in how many lanes each, differs from round to round.
  for (int i = 0; i < 20; ++i) round();
  const std::size_t before = allocations();
  for (int i = 0; i < 20; ++i) round();
  CHECK(allocations() == before);
}

TEST_CASE("ten thousand waiters in sorted order do not make a list of the tree", "[cost]") {
  // A degenerate tree would take 10^8 steps here; the time limit of the test run is what notices
  // it.
  WaitQueue queue({.max = 100000, .reserve = 0});
  for (std::uint64_t i = 0; i < 100000; ++i) {
    REQUIRE(queue.push(waiter(Priority::kNormal, 1s + Duration(static_cast<Duration::rep>(i)),
                              i % 2 == 0 ? 0b01 : 0b10, i),
                       at(0s)));
  }
  std::uint64_t expected = 1;
  while (const auto granted = queue.pop_for(1, 0, at(0s))) {
    REQUIRE(granted->waiter.call == expected);
    expected += 2;
  }
  CHECK(expected == 100001);
}

}  // namespace sluice::policy
