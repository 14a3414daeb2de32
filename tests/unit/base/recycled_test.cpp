// SPDX-License-Identifier: Apache-2.0
#include "base/recycled.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace sluice {
namespace {

struct Large : Recycled<Large, 4> {
  explicit Large(int& alive) : alive_(alive) { ++alive_; }
  ~Large() { --alive_; }
  Large(const Large&) = delete;
  Large& operator=(const Large&) = delete;
  int& alive_;
  std::array<std::byte, 2000> bytes{};
};

TEST_CASE("what died is used for the next of its kind, up to a bound, and objects live as ever") {
  int alive = 0;
  std::vector<std::unique_ptr<Large>> many;
  for (int i = 0; i < 10; ++i) many.push_back(std::make_unique<Large>(alive));
  CHECK(alive == 10);
  many.clear();
  CHECK(alive == 0);
#if SLUICE_RECYCLE
  auto first = std::make_unique<Large>(alive);
  const Large* const place = first.get();
  first.reset();
  const auto second = std::make_unique<Large>(alive);
  CHECK(second.get() == place);
#endif
}

TEST_CASE("each thread keeps its own, and gives all back at its end") {
  int alive = 0;
  std::thread([&] {
    for (int round = 0; round < 3; ++round) {
      std::vector<std::unique_ptr<Large>> some;
      for (int i = 0; i < 6; ++i) some.push_back(std::make_unique<Large>(alive));
    }
  }).join();
  CHECK(alive == 0);
}

}  // namespace
}  // namespace sluice
