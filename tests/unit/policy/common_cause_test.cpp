// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/common_cause.hpp"

#include <array>
#include <initializer_list>

#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

struct Scene {
  CommonCause causes;
  std::array<CommonCause::Verdict, 8> out{};

  explicit Scene(std::uint32_t upstreams) : causes(upstreams) {
    for (std::uint32_t i = 0; i < upstreams; ++i) causes.watch(i, true);
  }
  void raise(std::initializer_list<std::uint32_t> who, Duration t) {
    for (const auto i : who) causes.raise(i, Alarm{.z = 6.0, .at = at(t)}, at(t));
  }
  std::size_t settle(Duration t) { return causes.settle(at(t), out); }
};

}  // namespace

TEST_CASE("an alarm that nobody joins is its upstream's own, after the hold") {
  Scene s(5);
  s.raise({3}, 0s);
  CHECK(s.settle(0s) == 0);
  CHECK(s.settle(10s) == 0);
  CHECK(s.settle(20s) == 0);
  CHECK_FALSE(s.causes.to_blame(3));
  REQUIRE(s.settle(30s) == 1);
  CHECK_FALSE(s.out[0].common);
  CHECK(s.out[0].upstream == 3);
  CHECK(s.out[0].alarm.z == 6.0);
  CHECK(s.causes.to_blame(3));
  CHECK(s.settle(40s) == 0);
  s.causes.clear(3);
  CHECK_FALSE(s.causes.to_blame(3));
}

TEST_CASE("when most alarm there is one event and nobody is to blame") {
  struct Row {
    std::uint32_t upstreams;
    std::uint32_t alarmed;
    bool common;
  };
  for (const Row& row :
       {Row{1, 1, false}, Row{2, 1, false}, Row{2, 2, true}, Row{3, 1, false}, Row{3, 2, true},
        Row{5, 2, false}, Row{5, 3, true}, Row{8, 4, false}, Row{8, 5, true}}) {
    CAPTURE(row.upstreams, row.alarmed);
    Scene s(row.upstreams);
    // One tick after another, all within the hold.
    for (std::uint32_t i = 0; i < row.alarmed; ++i) s.raise({i}, i % 2 == 0 ? 0s : 10s);
    std::size_t common = s.settle(10s);
    CHECK(common == (row.common ? 1U : 0U));
    const std::size_t own = s.settle(40s);
    CHECK(own == (row.common ? 0U : row.alarmed));
    CHECK(s.causes.common() == row.common);
    for (std::uint32_t i = 0; i < row.upstreams; ++i) {
      CHECK(s.causes.to_blame(i) == (!row.common && i < row.alarmed));
    }
  }
}

TEST_CASE("who is already blamed is taken back when it turns out to be common") {
  Scene s(4);
  s.raise({0}, 0s);
  CHECK(s.settle(30s) == 1);
  CHECK(s.causes.to_blame(0));
  s.raise({1, 2}, 40s);
  REQUIRE(s.settle(40s) == 1);
  CHECK(s.out[0].common);
  CHECK(s.out[0].upstream == 0);
  CHECK(s.out[0].alarmed == 3);
  CHECK(s.out[0].watched == 4);
  CHECK_FALSE(s.causes.to_blame(0));
}

TEST_CASE("who stays ill when the common trouble is over answers for himself") {
  Scene s(5);
  s.raise({0, 1, 2, 3}, 0s);
  CHECK(s.settle(0s) == 1);
  for (std::uint32_t i = 0; i < 3; ++i) s.causes.clear(i);
  CHECK(s.settle(60s) == 0);
  CHECK_FALSE(s.causes.common());
  REQUIRE(s.settle(90s) == 1);
  CHECK_FALSE(s.out[0].common);
  CHECK(s.out[0].upstream == 3);
}

TEST_CASE("upstreams without traffic do not count, and a full page waits") {
  Scene s(6);
  for (std::uint32_t i = 2; i < 6; ++i) s.causes.watch(i, false);
  s.raise({0, 1}, 0s);
  CHECK(s.settle(0s) == 1);
  CHECK(s.causes.common());

  Scene many(8);
  many.raise({0, 1, 2}, 0s);
  std::array<CommonCause::Verdict, 2> page{};
  CHECK(many.causes.settle(at(30s), page) == 2);
  CHECK(many.causes.settle(at(30s), page) == 1);
  CHECK(page[0].upstream == 2);
  // Names that do not exist are nobody's.
  many.causes.raise(99, Alarm{}, at(0s));
  many.causes.clear(99);
  many.causes.watch(99, true);
  CHECK_FALSE(many.causes.to_blame(99));
}

}  // namespace sluice::policy
