// SPDX-License-Identifier: Apache-2.0
#include "net/timer_wheel.hpp"

#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "support/catch.hpp"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

struct Owner {
  explicit Owner(net::TimerWheel& wheel)
      : deadline(wheel, [](void* self) { ++static_cast<Owner*>(self)->fired; }, this) {}
  int fired = 0;
  net::Deadline deadline;
};

}  // namespace

TEST_CASE("a deadline fires once, not before its time") {
  net::asio::io_context io;
  net::TimerWheel wheel(io);
  const TimePoint start = now();
  Owner owner(wheel);
  owner.deadline.set(start + 50ms);
  wheel.advance(start + 49ms);
  CHECK(owner.fired == 0);
  wheel.advance(start + 52ms);
  CHECK(owner.fired == 1);
  wheel.advance(start + 500ms);
  CHECK(owner.fired == 1);
}

TEST_CASE("moving a deadline: later, earlier, cleared") {
  net::asio::io_context io;
  net::TimerWheel wheel(io);
  const TimePoint start = now();
  Owner later(wheel), earlier(wheel), cleared(wheel);
  later.deadline.set(start + 10ms);
  later.deadline.set(start + 30s);
  earlier.deadline.set(start + 30s);
  earlier.deadline.set(start + 10ms);
  cleared.deadline.set(start + 10ms);
  cleared.deadline.clear();
  wheel.advance(start + 1s);
  CHECK(later.fired == 0);
  CHECK(earlier.fired == 1);
  CHECK(cleared.fired == 0);
  wheel.advance(start + 31s);
  CHECK(later.fired == 1);
}

TEST_CASE("a callback may destroy other due deadlines") {
  net::asio::io_context io;
  net::TimerWheel wheel(io);
  const TimePoint start = now();
  std::vector<std::unique_ptr<Owner>> victims;
  struct Killer {
    Killer(net::TimerWheel& w, std::vector<std::unique_ptr<Owner>>& v)
        : victims(v),
          deadline(w, [](void* self) { static_cast<Killer*>(self)->victims.clear(); }, this) {}
    std::vector<std::unique_ptr<Owner>>& victims;
    net::Deadline deadline;
  } killer(wheel, victims);
  for (int i = 0; i < 3; ++i) {
    victims.push_back(std::make_unique<Owner>(wheel));
    victims.back()->deadline.set(start + 5ms);
    if (i == 1) killer.deadline.set(start + 5ms);
  }
  wheel.advance(start + 20ms);
  CHECK(victims.empty());
}

TEST_CASE("random deadlines fire within a tick of their time, as a model says") {
  const auto seed = static_cast<std::uint64_t>(random_seed());
  INFO("seed " << seed);
  Random random(seed);
  net::asio::io_context io;
  net::TimerWheel wheel(io);
  TimePoint time = now();
  std::vector<std::unique_ptr<Owner>> owners;
  std::vector<TimePoint> due(64, TimePoint::max());
  for (int i = 0; i < 64; ++i) owners.push_back(std::make_unique<Owner>(wheel));
  for (int step = 0; step < 20000; ++step) {
    const auto i = static_cast<std::size_t>(random.below(64));
    if (random.below(3) == 0) {
      owners[i]->deadline.clear();
      due[i] = TimePoint::max();
    } else {
      due[i] = time + std::chrono::microseconds(1 + random.below(12'000'000));
      owners[i]->deadline.set(due[i]);
    }
    if (random.below(4) != 0) continue;
    time += std::chrono::microseconds(random.below(random.below(50) == 0 ? 20'000'000 : 5'000));
    wheel.advance(time);
    for (std::size_t k = 0; k < 64; ++k) {
      const bool must_not = due[k] > time;
      const bool must = due[k] <= time - 2ms;
      if (must_not) REQUIRE(owners[k]->fired == 0);
      if (must) REQUIRE(owners[k]->fired == 1);
      if (owners[k]->fired != 0) {
        owners[k]->fired = 0;
        due[k] = TimePoint::max();
      }
    }
  }
}
