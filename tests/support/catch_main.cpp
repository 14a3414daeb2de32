// SPDX-License-Identifier: Apache-2.0
// Runs the tests in random order by default and prints the seed, so that any failure can be repeated with --rng-seed.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include <cstdio>

int main(int argc, char** argv) {
  Catch::Session session;
  const int usage = session.applyCommandLine(argc, argv);
  if (usage != 0) return usage;
  std::printf("seed: %u\n", static_cast<unsigned>(session.config().rngSeed()));
  return session.run();
}
