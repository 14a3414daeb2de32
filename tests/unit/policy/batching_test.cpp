// SPDX-License-Identifier: Apache-2.0
#include "policy/batching.hpp"

#include "support/catch.hpp"

namespace sluice::policy {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST_CASE("an upstream batch is as large as its rule and its time allow") {
  struct Row {
    const char* name;
    BatchRule rule;
    Duration per_call;
    std::size_t waiting, want;
  };
  const BatchRule usual{20, milliseconds(2)};
  const Row rows[] = {
      {"nobody has answered yet", usual, Duration::zero(), 20, 1},
      {"nobody else", usual, microseconds(1), 1, 1},
      {"all of them", usual, microseconds(100), 20, 20},
      {"one more than fits is spread evenly", usual, microseconds(100), 21, 11},
      {"12 at a size of 10", {10, milliseconds(2)}, microseconds(100), 12, 6},
      {"as many as the time allows", usual, microseconds(500), 20, 4},
      {"just in time", {20, milliseconds(2)}, milliseconds(1), 2, 2},
      {"just too slow", usual, microseconds(1001), 20, 1},
      {"far too slow", usual, milliseconds(300), 20, 1},
      {"size of one", {1, milliseconds(2)}, microseconds(1), 20, 1},
      {"size of none is one", {0, milliseconds(2)}, microseconds(1), 20, 1},
      {"no time", {20, Duration::zero()}, microseconds(1), 20, 1},
      {"a thousand", {1000, milliseconds(2)}, microseconds(1), 1000, 1000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(batch_size(row.rule, row.per_call, row.waiting) == row.want);
  }
}

TEST_CASE("what waits leaves whole, in batches of nearly one size") {
  for (std::size_t max = 1; max <= 25; ++max) {
    for (std::size_t waiting = 1; waiting <= 60; ++waiting) {
      const BatchRule rule{max, milliseconds(2)};
      std::size_t least = waiting, most = 0, batches = 0;
      for (std::size_t left = waiting; left != 0; ++batches) {
        const std::size_t size = batch_size(rule, microseconds(1), left);
        REQUIRE(size >= 1);
        REQUIRE(size <= std::min(left, max));
        least = std::min(least, size);
        most = std::max(most, size);
        left -= size;
      }
      CAPTURE(max, waiting);
      CHECK(most - least <= 1);
      CHECK(batches == (waiting + max - 1) / max);
    }
  }
}

}  // namespace sluice::policy
