// SPDX-License-Identifier: Apache-2.0
// Fairness, standing queues and full ones, each rule on its own.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/queue.hpp"
#include "support/catch.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

Waiter of(std::uint64_t client, std::uint64_t call, Priority priority = Priority::kNormal,
          Duration deadline = 2s, std::uint32_t lane = 0) {
  return {.priority = priority,
          .deadline = at(deadline),
          .upstreams = 1,
          .client = client,
          .lane = lane,
          .call = call};
}

/// Clients in the order in which they are served.
std::string served(WaitQueue& queue, std::size_t count, std::uint32_t lane = 0) {
  std::string clients;
  while (clients.size() < count) {
    const auto granted = queue.pop_for(0, lane, at(0s));
    if (!granted) break;
    clients += static_cast<char>('a' + granted->waiter.client);
  }
  return clients;
}

}  // namespace

TEST_CASE("clients of a class take turns, however much each of them has waiting") {
  WaitQueue queue({});
  for (std::uint64_t i = 0; i < 100; ++i) REQUIRE(queue.push(of(0, i), at(0s)));
  for (std::uint64_t i = 0; i < 3; ++i) REQUIRE(queue.push(of(1, i), at(0s)));
  REQUIRE(queue.push(of(2, 0), at(0s)));
  CHECK(served(queue, 10) == "abcababaaa");
  // Who comes later has no claim to what it did not ask for, nor has who came earlier.
  REQUIRE(queue.push(of(3, 0), at(0s)));
  REQUIRE(queue.push(of(3, 1), at(0s)));
  REQUIRE(queue.push(of(3, 2), at(0s)));
  CHECK(served(queue, 8).substr(0, 7).find("dada") != std::string::npos);
}

TEST_CASE("of one client, the earliest deadline first, also across lanes") {
  WaitQueue queue({}, 2);
  REQUIRE(queue.push(of(0, 1, Priority::kNormal, 3s, 0), at(0s)));
  REQUIRE(queue.push(of(0, 2, Priority::kNormal, 1s, 1), at(0s)));
  REQUIRE(queue.push(of(0, 3, Priority::kNormal, 2s, 0), at(0s)));
  // Nothing waits in a lane that does not exist, so that all of them count alike.
  std::vector<std::uint64_t> calls;
  while (const auto granted = queue.pop_for(0, 7, at(0s))) calls.push_back(granted->waiter.call);
  CHECK(calls == std::vector<std::uint64_t>{2, 3, 1});
}

TEST_CASE("what is free in a lane stays there, one grant in sixteen apart; a higher class has it") {
  WaitQueue queue({}, 2);
  for (std::uint64_t i = 0; i < 40; ++i) {
    REQUIRE(queue.push(of(0, i, Priority::kNormal, 9s, 0), at(0s)));
    REQUIRE(queue.push(of(1, i, Priority::kNormal, 1s, 1), at(0s)));
  }
  REQUIRE(queue.push(of(2, 0, Priority::kHigh, 9s, 1), at(0s)));
  const std::string order = served(queue, 33, 0);
  CHECK(order.front() == 'c');
  const auto elsewhere = std::count(order.begin(), order.end(), 'b');
  CHECK(elsewhere >= 1);
  CHECK(elsewhere <= 3);
}

TEST_CASE("a full queue: one past its bound, the lowest class makes room for a higher one") {
  WaitQueue queue({.max = 3});
  REQUIRE(queue.push(of(0, 1, Priority::kLow), at(0s)));
  REQUIRE(queue.push(of(0, 2, Priority::kNormal), at(0s)));
  const auto at_bound = queue.push(of(0, 3, Priority::kLow, 9s), at(0s));
  REQUIRE(at_bound);
  CHECK_FALSE(at_bound->displaced);
  const auto past = queue.push(of(0, 4, Priority::kCritical), at(0s));
  REQUIRE(past);
  REQUIRE(past->displaced);
  CHECK(past->displaced->waiter.call == 3);  // would have been served last
  CHECK(past->displaced->end == WaitEnd::kDisplaced);
  CHECK(queue.push(of(0, 5, Priority::kHigh), at(0s))->displaced->waiter.call == 1);
  CHECK(queue.push(of(0, 6, Priority::kLow), at(0s)).error() == PushRefusal::kFull);
  CHECK(queue.push(of(0, 7, Priority::kNormal), at(0s)).error() == PushRefusal::kFull);
  CHECK(queue.push(of(0, 8, Priority::kCritical), at(0s))->displaced->waiter.call == 2);
  CHECK(queue.size() == 3);
  CHECK(queue.size(Priority::kCritical) == 2);
}

TEST_CASE("within a class, a client who has filled the queue makes room for one who has less") {
  WaitQueue queue({.max = 4});
  for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(queue.push(of(0, i), at(0s)));
  CHECK(queue.push(of(0, 9), at(0s)).error() == PushRefusal::kFull);
  CHECK(queue.push(of(1, 10), at(0s))->displaced->waiter.client == 0);
  CHECK(queue.push(of(1, 11), at(0s))->displaced->waiter.client == 0);
  // Two and two: neither has a claim to the other's.
  CHECK(queue.push(of(0, 12), at(0s)).error() == PushRefusal::kFull);
  CHECK(queue.push(of(1, 13), at(0s)).error() == PushRefusal::kFull);
  CHECK(queue.push(of(2, 14), at(0s))->displaced);
}

TEST_CASE("CoDel: a queue stands after 100 ms above 5 ms, not a nanosecond earlier") {
  CoDel codel;
  CHECK_FALSE(codel.drops(5ms - 1ns, at(0s)));
  CHECK_FALSE(codel.drops(5ms, at(1ms)));
  CHECK_FALSE(codel.standing(at(101ms - 1ns)));
  CHECK_FALSE(codel.drops(50ms, at(101ms - 1ns)));
  CHECK(codel.standing(at(101ms)));
  CHECK(codel.drops(50ms, at(101ms)));
  CHECK_FALSE(codel.drops(50ms, at(201ms - 1ns)));
  CHECK(codel.drops(50ms, at(201ms)));
  CHECK_FALSE(codel.drops(50ms, at(201ms)));  // the next after 100 ms / sqrt(2)
  CHECK(codel.drops(50ms, at(272ms)));
  CHECK_FALSE(codel.drops(5ms - 1ns, at(272ms)));
  CHECK_FALSE(codel.standing(at(272ms)));
  CHECK_FALSE(codel.drops(std::nullopt, at(280ms)));
}

TEST_CASE("while a class stands, its newest is served and its oldest leaves") {
  WaitQueue queue({});
  REQUIRE(queue.push(of(0, 1, Priority::kNormal, 2s), at(0s)));
  REQUIRE(queue.push(of(0, 2, Priority::kNormal, 1s), at(1ms)));
  REQUIRE(queue.push(of(0, 3, Priority::kNormal, 9s), at(2ms)));
  REQUIRE(queue.push(of(0, 4, Priority::kNormal, 9s), at(3ms)));
  CHECK(queue.pop_for(0, 0, at(10ms))->waiter.call == 2);  // earliest deadline
  // It has waited for long, but that alone is no overload: more must come in than is served.
  CHECK_FALSE(queue.standing(Priority::kNormal, at(110ms)));
  std::uint64_t other = 100;
  for (const Duration t : {50ms, 150ms, 250ms}) {
    for (int i = 0; i < 12; ++i) {
      // They come and go: of those that wait, the lowest class pays.
      const auto pushed = queue.push(of(1, other++, Priority::kLow, 9s), at(t));
      if (pushed) CHECK(queue.cancel(pushed->handle));
    }
    CHECK(queue.standing(Priority::kNormal, at(t)) == (t == 250ms));
  }
  const auto left = queue.pop_for(0, 0, at(250ms));
  CHECK(left->waiter.call == 1);
  CHECK(left->end == WaitEnd::kStale);
  const auto next = queue.pop_for(0, 0, at(250ms));
  CHECK(next->waiter.call == 4);  // newest
  CHECK(next->end == WaitEnd::kGranted);
  // An empty class stands no more.
  CHECK(queue.pop_for(0, 0, at(251ms))->waiter.call == 3);
  REQUIRE(queue.push(of(0, 5), at(252ms)));
  CHECK_FALSE(queue.standing(Priority::kNormal, at(252ms)));
}

TEST_CASE("a limit that falls is no overload: who had a place comes back to the queue") {
  for (const bool told : {true, false}) {
    CAPTURE(told);
    WaitQueue queue({.max = 1000}, 1);
    std::uint64_t number = 0;
    int refused = 0;
    const auto come = [&](Duration t) {
      refused += queue.push(of(1, number++, Priority::kLow, 99s), at(t)) ? 0 : 1;
    };
    for (int i = 0; i < 30; ++i) come(0ms);
    // The calls of forty places end every 100 ms, and their clients send the next ones at once;
    // four places fewer are given out each time.
    int places = 40;
    for (auto t = 101ms; places > 8; t += 100ms) {
      const int before = std::exchange(places, places - 4);
      for (int i = 0; i < before; ++i) {
        if (i < places) {
          REQUIRE(queue.pop_for(0, 0, at(t)));
        } else if (told) {
          queue.place_withdrawn(at(t));
        }
        come(t);
      }
    }
    CHECK((refused == 0) == told);
  }
}

TEST_CASE("shedding takes what is too much from the lowest class first") {
  struct Row {
    const char* name;
    bool standing;
    std::uint32_t came[kPriorities];
    std::uint32_t served;
    double shares[kPriorities];
  };
  const std::vector<Row> rows = {
      {"all served", true, {20, 20, 20, 20}, 80, {0, 0, 0, 0}},
      {"as many as are served, and a twentieth", true, {0, 0, 0, 21}, 20, {0, 0, 0, 0}},
      {"a burst, no standing queue", false, {20, 20, 20, 20}, 20, {0, 0, 0, 0}},
      {"17 of the low ones", true, {20, 20, 20, 20}, 60, {0, 0, 0, 0.85}},
      {"all of the low", true, {20, 2, 20, 10}, 40, {0, 0, 0, 1}},
      {"all of the low, half of the normal", true, {20, 2, 20, 10}, 30, {0, 0, 0.525, 1}},
      {"nothing is served", true, {20, 20, 20, 20}, 0, {1, 1, 1, 1}},
      {"no low ones", true, {20, 0, 20, 0}, 20, {0, 0, 0.95, 0}},
      {"too few to tell", true, {9, 0, 0, 0}, 0, {0, 0, 0, 0}},
      {"just enough", true, {10, 0, 0, 0}, 0, {1, 0, 0, 0}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    LoadShedding shedding;
    shedding.settle(at(0s), row.standing);
    // One such period may be a burst: nothing is refused before the second has ended.
    for (const Duration end : {100ms, 200ms}) {
      for (std::size_t c = 0; c < kPriorities; ++c) {
        for (std::uint32_t i = 0; i < row.came[c]; ++i) {
          REQUIRE_FALSE(shedding.refuses(static_cast<Priority>(c), false));
        }
      }
      for (std::uint32_t i = 0; i < row.served; ++i) shedding.served();
      shedding.settle(at(end - 1ns), row.standing);
      CHECK(shedding.share(Priority::kLow) == Approx(0.0));
      shedding.settle(at(end), row.standing);
    }
    for (std::size_t c = 0; c < kPriorities; ++c) {
      CAPTURE(c);
      CHECK(shedding.share(static_cast<Priority>(c)) == Approx(row.shares[c]));
      // Evenly, and exactly the share.
      int refused = 0;
      for (int i = 0; i < 20; ++i) {
        refused += shedding.refuses(static_cast<Priority>(c), false) ? 1 : 0;
      }
      CHECK(std::abs(refused - row.shares[c] * 20) <= 1.0);
    }
    // Old figures say nothing of now.
    shedding.settle(at(400ms), true);
    for (std::size_t c = 0; c < kPriorities; ++c) {
      CHECK(shedding.share(static_cast<Priority>(c)) == Approx(0.0));
    }
  }
}

TEST_CASE("clients with little waiting go in, and others pay for it") {
  LoadShedding shedding;
  shedding.settle(at(0s), true);
  for (const Duration end : {100ms, 200ms}) {
    for (int i = 0; i < 20; ++i) static_cast<void>(shedding.refuses(Priority::kLow, false));
    for (int i = 0; i < 10; ++i) shedding.served();
    shedding.settle(at(end), true);
  }
  REQUIRE(shedding.share(Priority::kLow) == Approx(0.475));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(shedding.refuses(Priority::kLow, true));
  for (int i = 0; i < 4; ++i) CHECK(shedding.refuses(Priority::kLow, false));
  // But not for ever.
  int refused = 0;
  for (int i = 0; i < 200; ++i) refused += shedding.refuses(Priority::kLow, true) ? 1 : 0;
  CHECK(refused > 50);
}

TEST_CASE("no starvation: with a reserve every class moves, and every client of one") {
  sluice::test::check_property("served within a bound", [](const std::vector<std::uint8_t>& seeds) {
    WaitQueue queue({.max = 1000, .reserve = 0.1});
    const std::uint64_t clients = 3 + seeds.size() % 5;
    std::uint64_t call = 0;
    std::map<std::pair<std::size_t, std::uint64_t>, std::uint64_t> last;
    // Everybody keeps something waiting, some of them much.
    const auto refill = [&](std::size_t c, std::uint64_t client) {
      RC_ASSERT(queue.push(of(client, ++call, static_cast<Priority>(c), 1h), at(0s)).has_value());
    };
    for (std::size_t c = 0; c < kPriorities; ++c) {
      for (std::uint64_t client = 0; client < clients; ++client) {
        const std::size_t many =
            1 + (seeds.empty() ? 0U : seeds[(c + client) % seeds.size()] % 20U);
        for (std::size_t i = 0; i < many; ++i) refill(c, client);
        last[{c, client}] = 0;
      }
    }
    // A reserved grant goes to who has waited longest: one grant in ten is for 4 classes' clients.
    const std::uint64_t bound = 10 * kPriorities * clients * 20;
    for (std::uint64_t grant = 1; grant <= 2000; ++grant) {
      const auto granted = queue.pop_for(0, 0, at(0s));
      RC_ASSERT(granted.has_value());
      const auto c = static_cast<std::size_t>(granted->waiter.priority);
      const auto waited = grant - std::exchange(last[{c, granted->waiter.client}], grant);
      RC_ASSERT(waited <= bound);
      if (c == 0) RC_ASSERT(waited <= 2 * clients + 4);
      refill(c, granted->waiter.client);
    }
    for (const auto& [who, when] : last) RC_ASSERT(2000 - when <= bound);
  });
}

TEST_CASE("order: without a reserve nobody is served before a more important one who could be") {
  sluice::test::check_property("order", [](const std::vector<std::uint16_t>& dice) {
    WaitQueue queue({.max = 64}, 2);
    std::map<std::uint64_t, Waiter> inside;
    std::uint64_t call = 0;
    for (const std::uint16_t die : dice) {
      if (die % 3 != 0) {
        Waiter w = of(die / 4 % 3, ++call, static_cast<Priority>(die / 12 % 4),
                      1s + std::chrono::milliseconds(die % 7), die % 2);
        w.upstreams = 1 + die / 48 % 3;
        const auto pushed = queue.push(w, at(0s));
        if (pushed) inside[w.call] = w;
        if (pushed && pushed->displaced) {
          RC_ASSERT(pushed->displaced->waiter.priority >= w.priority);
          inside.erase(pushed->displaced->waiter.call);
        }
        continue;
      }
      const std::uint32_t upstream = die / 3 % 2;
      const auto granted = queue.pop_for(upstream, die / 6 % 2, at(0s));
      const Waiter* best = nullptr;
      for (const auto& [key, w] : inside) {
        if ((w.upstreams & bit_of(upstream)) == 0) continue;
        if (best == nullptr || w.priority < best->priority) best = &w;
      }
      RC_ASSERT(granted.has_value() == (best != nullptr));
      if (!granted) continue;
      RC_ASSERT(granted->waiter.priority == best->priority);
      for (const auto& [key, w] : inside) {
        const bool alike = w.priority == granted->waiter.priority &&
                           w.client == granted->waiter.client && w.lane == granted->waiter.lane &&
                           (w.upstreams & bit_of(upstream)) != 0;
        if (alike) RC_ASSERT(granted->waiter.deadline <= w.deadline);
      }
      inside.erase(granted->waiter.call);
    }
    RC_ASSERT(queue.size() == inside.size());
  });
}

}  // namespace sluice::policy
