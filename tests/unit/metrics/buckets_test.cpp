// SPDX-License-Identifier: Apache-2.0
#include "metrics/buckets.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "support/catch.hpp"

using namespace sluice::metrics;

namespace {

std::size_t slow_index(std::uint64_t ns) {
  return static_cast<std::size_t>(std::lower_bound(kBoundsNs.begin(), kBoundsNs.end(), ns) -
                                  kBoundsNs.begin());
}

}  // namespace

TEST_CASE("a duration falls into the bucket whose bound it does not pass") {
  for (const std::uint64_t bound : kBoundsNs) {
    for (const std::uint64_t ns : {bound - 1, bound, bound + 1}) {
      CAPTURE(ns);
      CHECK(bucket_index(ns) == slow_index(ns));
    }
  }
  for (int width = 0; width < 64; ++width) {
    const std::uint64_t power = std::uint64_t{1} << width;
    for (const std::uint64_t ns : {power - 1, power, power + 1}) {
      CAPTURE(ns);
      CHECK(bucket_index(ns) == slow_index(ns));
    }
  }
  CHECK(bucket_index(0) == 0);
  CHECK(bucket_index(UINT64_MAX) == kBuckets - 1);
}

TEST_CASE("any duration falls where a search would put it") {
  const auto seed = static_cast<std::uint64_t>(Catch::rngSeed());
  CAPTURE(seed);
  sluice::Random random(seed);
  std::size_t wrong = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t ns = random.next() >> random.below(64);
    wrong += bucket_index(ns) == slow_index(ns) ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a negative duration counts as none") {
  CHECK(to_ns(sluice::Duration(-1)) == 0);
  CHECK(to_ns(sluice::Duration(7)) == 7);
}
