// SPDX-License-Identifier: Apache-2.0
#include "policy/concurrency_limit.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "support/catch.hpp"
#include "support/property.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy {
namespace {

using namespace test;

/// A node of so many places, without luck: response times stretch by what is above them.
struct Node {
  double places = 16;
  double service_s = 0.01;

  [[nodiscard]] LimitSample under(double in_flight) const {
    const double inflation = std::max(1.0, in_flight / places);
    const double count = 0.25 * in_flight / (service_s * inflation);
    LimitSample sample{.length = 250ms};
    // A light and a heavy class, in equal numbers.
    sample.classes[1] = {static_cast<std::uint64_t>(count / 2),
                         count / 2 * service_s * inflation / 2};
    sample.classes[3] = {static_cast<std::uint64_t>(count / 2),
                         count / 2 * service_s * inflation * 1.5};
    sample.in_flight_max = static_cast<std::uint32_t>(std::ceil(in_flight));
    return sample;
  }
};

std::uint32_t after(ConcurrencyLimit& limit, const Node& node, double demand, int windows) {
  for (int i = 0; i < windows; ++i) {
    static_cast<void>(limit.add(node.under(std::min<double>(demand, limit.limit()))));
  }
  return limit.limit();
}

}  // namespace

TEST_CASE("a window ends with its time and its calls, not before") {
  ConcurrencyLimit limit({});
  LimitSample sample{.length = 249ms};
  sample.classes[0] = {19, 0.19};
  CHECK_FALSE(limit.add(sample));
  CHECK_FALSE(limit.add({.length = 1ms, .in_flight_max = 1}));
  LimitSample last{.length = 0ms};
  last.classes[2] = {1, 0.01};
  CHECK(limit.add(last));
  CHECK_FALSE(limit.add(last));
}

TEST_CASE("a pause is no part of the window that follows it") {
  ConcurrencyLimit limit({});
  LimitSample last{.length = 1ms};
  last.classes[0] = {20, 0.2};
  CHECK_FALSE(limit.add({.length = 10s}));
  CHECK_FALSE(limit.add(last));
}

TEST_CASE("the limit finds what a node works on at once, whatever was offered before") {
  ConcurrencyLimit limit({});
  const Node node;
  after(limit, node, 4, 20);
  CHECK(limit.limit() == 64);
  CHECK_FALSE(limit.limiting());
  CHECK(limit.baseline(1) == Approx(0.005).epsilon(0.05));
  CHECK(limit.baseline(3) == Approx(0.015).epsilon(0.05));
  const std::uint32_t found = after(limit, node, 1000, 20);
  CHECK(limit.limiting());
  CHECK(found >= 16);
  CHECK(found <= 19);
  SECTION("half of the places") {
    const std::uint32_t half = after(limit, {.places = 8}, 1000, 20);
    CHECK(half >= 8);
    CHECK(half <= 10);
    const std::uint32_t back = after(limit, node, 1000, 20);
    CHECK(back >= 16);
    CHECK(back <= 19);
  }
  SECTION("every call takes twice as long: as many as before are worked on at once") {
    const std::uint32_t slow = after(limit, {.service_s = 0.02}, 1000, 20);
    CHECK(slow >= 15);
    CHECK(slow <= 20);
    CHECK(limit.baseline(3) == Approx(0.03).epsilon(0.2));
  }
  SECTION("baselines stand still while it limits") {
    CHECK(limit.baseline(3) == Approx(0.015).epsilon(0.05));
  }
}

TEST_CASE("a node that changes its speed gets as many calls as before, within seconds") {
  ConcurrencyLimit limit({});
  const Node node;
  after(limit, node, 4, 20);
  const std::uint32_t found = after(limit, node, 1000, 20);
  const std::uint32_t slow = after(limit, {.service_s = 0.02}, 1000, 10);
  CHECK(std::abs(static_cast<double>(slow) - static_cast<double>(found)) <= 1);
  CHECK(limit.baseline(1) == Approx(0.01).epsilon(0.05));
  CHECK(limit.baseline(3) == Approx(0.03).epsilon(0.05));
  after(limit, {.service_s = 0.02}, 1000, 10);
  // The first windows are not yet believed.
  after(limit, node, 1000, 2);
  for (int i = 0; i < 20; ++i) {
    CHECK(std::abs(static_cast<double>(after(limit, node, 1000, 1)) - static_cast<double>(found)) <=
          3);
  }
  CHECK(limit.baseline(3) == Approx(0.015).epsilon(0.05));
}

TEST_CASE("without calls that wait, faster answers are the new baselines") {
  ConcurrencyLimit limit({});
  after(limit, {.places = 64, .service_s = 0.02}, 40, 1);
  after(limit, {.places = 64, .service_s = 0.02}, 40, 4);
  after(limit, {.places = 64, .service_s = 0.01}, 40, 3);
  CHECK(limit.inflation() == Approx(1.0).epsilon(0.05));
  CHECK(limit.limit() == 64);
}

TEST_CASE("more of a heavy class is no congestion") {
  ConcurrencyLimit limit({});
  const Node node;
  after(limit, node, 4, 20);
  for (int i = 0; i < 20; ++i) {
    LimitSample heavy{.length = 250ms};
    heavy.classes[3] = {100, 100 * 0.015};
    heavy.in_flight_max = 8;
    REQUIRE(limit.add(heavy));
  }
  CHECK(limit.limit() == 64);
  CHECK(limit.inflation() == Approx(1.0).epsilon(0.05));
}

TEST_CASE("the limit stays within its bounds, at them and for any reports") {
  sluice::test::check_property("bounds", [](const std::vector<std::uint32_t>& dice) {
    ConcurrencyLimit limit({.min = 4, .max = 40});
    for (const std::uint32_t die : dice) {
      LimitSample sample{.length = std::chrono::milliseconds(die % 400)};
      const std::uint64_t count = die / 400 % 200;
      sample.classes[die % kLimitClasses] = {
          count, static_cast<double>(count) * static_cast<double>(die % 1000) * 1e-4};
      sample.in_flight_max = die / 7 % 60;
      static_cast<void>(limit.add(sample));
      RC_ASSERT(limit.limit() >= 4);
      RC_ASSERT(limit.limit() <= 40);
      RC_ASSERT(std::isfinite(limit.inflation()));
      RC_ASSERT(limit.inflation() > 0);
    }
    limit.set_bounds(4, 8);
    RC_ASSERT(limit.limit() <= 8);
  });
}

}  // namespace sluice::policy
