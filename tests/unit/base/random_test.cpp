// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include "support/catch.hpp"

using sluice::Random;

TEST_CASE("equal seeds give equal sequences, different seeds do not") {
  Random a(7), b(7), c(8);
  const auto first = a.next();
  CHECK(first == b.next());
  CHECK(first != c.next());
}

TEST_CASE("below stays below and reaches every value") {
  Random random(1);
  unsigned seen = 0;
  for (int i = 0; i < 1000; ++i) seen |= 1U << random.below(8);
  CHECK(seen == 0xffU);
  CHECK(random.below(0) == 0);
  for (int i = 0; i < 1000; ++i) {
    const double u = random.uniform();
    REQUIRE((u >= 0.0 && u < 1.0));
  }
}
