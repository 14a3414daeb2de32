// SPDX-License-Identifier: Apache-2.0
#include "upstream/class_board.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/property.hpp"

namespace sluice::upstream {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow = TimePoint(1h);

Underway begun(ClassBoard& board, std::size_t worker, std::size_t method_class, TimePoint now) {
  Underway attempt;
  attempt.start(board, worker, method_class, now);
  return attempt;
}

}  // namespace

TEST_CASE("attempts count once, by worker and class, however they end") {
  ClassBoard board(2);
  Random random(1);
  {
    Underway first = begun(board, 0, 3, kNow);
    Underway second = begun(board, 1, 3, kNow);
    Underway dropped = begun(board, 1, 4, kNow);
    CHECK(board.totals(3).in_flight == 2);
    CHECK(board.totals(4).in_flight == 1);
    Underway moved = std::move(first);
    moved.end(policy::Ended::kOk, 8ms, kNow, random);
    moved.end(policy::Ended::kError, 8ms, kNow, random);
    second.end(policy::Ended::kError, 1ms, kNow, random);
    second = begun(board, 1, 3, kNow);
    CHECK(board.totals(3).in_flight == 1);
    second.end(policy::Ended::kThrottled, 1ms, kNow, random);
  }
  const auto totals = board.totals(3);
  CHECK(totals.successes == 1);
  CHECK(totals.failures == 1);
  CHECK(totals.throttled == 1);
  CHECK(totals.in_flight == 0);
  CHECK(static_cast<double>(totals.log2_ns) / 65536 == Approx(std::log2(8e6)).margin(0.1));
  CHECK(board.totals(4).in_flight == 0);
  CHECK(board.totals(4).failures == 0);
}

TEST_CASE("what nodes took is summed by class, for batches on its own") {
  ClassBoard board(2);
  Random random(1);
  for (std::size_t i = 0; i < 5; ++i) {
    Underway attempt;
    attempt.start(board, i % 2, 3, kNow);
    attempt.node_took(4ms, i == 4);
    attempt.end(policy::Ended::kOk, 9ms, kNow, random);
    Underway failed;
    failed.start(board, i % 2, 3, kNow);
    failed.end(policy::Ended::kError, 9ms, kNow, random);
  }
  CHECK(board.totals(3).timed == 4);
  CHECK(board.totals(3).node_ns == 16'000'000);
  CHECK(board.totals(3).successes == 5);
  CHECK(board.totals(kBatchedClass).timed == 1);
  CHECK(board.totals(kBatchedClass).node_ns == 4'000'000);
  CHECK(board.totals(kBatchedClass).successes == 0);
}

TEST_CASE("what a breaker hears of an attempt") {
  const auto after_ten = [](auto end) {
    ClassBoard board(1);
    Random random(1);
    for (int i = 0; i < 10; ++i) {
      Underway attempt = begun(board, 0, 2, kNow);
      end(attempt, random);
    }
    CHECK(board.breaker(1).state() == policy::BreakerState::kClosed);
    return board.breaker(2).state();
  };
  using policy::BreakerState;
  CHECK(after_ten([](Underway& attempt, Random& random) {
          attempt.end(policy::Ended::kError, 1ms, kNow, random);
        }) == BreakerState::kOpen);
  CHECK(after_ten([](Underway& attempt, Random& random) {
          attempt.not_reached();
          attempt.end(policy::Ended::kError, 1ms, kNow, random);
        }) == BreakerState::kClosed);
  CHECK(after_ten([](Underway&, Random&) {}) == BreakerState::kClosed);
}

TEST_CASE(
    "an answer that shows no fault closes a half-open breaker, a cancelled attempt does not") {
  for (const bool answered : {true, false}) {
    ClassBoard board(1);
    board.configure({.open = 1s, .half_open = 1});
    Random random(1);
    for (int i = 0; i < 10; ++i) {
      begun(board, 0, 0, kNow).end(policy::Ended::kError, 1ms, kNow, random);
    }
    REQUIRE(board.breaker(0).state() == policy::BreakerState::kOpen);
    Underway attempt = begun(board, 0, 0, kNow + 1s);
    if (answered) attempt.answered();
    attempt.end(policy::Ended::kCancelled, 1ms, kNow + 1s, random);
    CHECK((board.breaker(0).state() == policy::BreakerState::kClosed) == answered);
  }
}

TEST_CASE("attempts: whatever becomes of them, none stays in flight") {
  sluice::test::check_property("no leak", [] {
    ClassBoard board(1);
    Random random(1);
    {
      std::array<Underway, 4> slots;
      const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 16));
      for (const int step : steps) {
        Underway& slot = slots[static_cast<std::size_t>(step) % 4];
        if (step < 8) {
          slot = begun(board, 0, static_cast<std::size_t>(step) % 3, kNow);
        } else if (step < 12) {
          slot.end(policy::Ended::kOk, 1ms, kNow, random);
        } else {
          slots[static_cast<std::size_t>(step + 1) % 4] = std::move(slot);
        }
        RC_ASSERT(board.totals(0).in_flight + board.totals(1).in_flight +
                      board.totals(2).in_flight <=
                  4U);
      }
    }
    for (std::size_t k = 0; k < 3; ++k) RC_ASSERT(board.totals(k).in_flight == 0U);
  });
}

}  // namespace sluice::upstream
