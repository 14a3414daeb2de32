// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

// Our own distributions: those of the standard library differ between its makers, and a seed must
// reproduce a figure everywhere.
namespace sluice::sim {

/// A sequence of its own for each (seed, a, b): the same draw for the same thing whatever else
/// happens in a run, so that policies are compared on common random numbers.
[[nodiscard]] Random derived(std::uint64_t seed, std::uint64_t a, std::uint64_t b = 0) noexcept;

/// Within (0, 1), never an end of it.
[[nodiscard]] double open_uniform(Random& random) noexcept;
/// Of mean 1.
[[nodiscard]] double exponential(Random& random) noexcept;
/// Of mean 0 and deviation 1 (Box and Muller, one of the two).
[[nodiscard]] double normal(Random& random) noexcept;
/// Of median 1; `sigma` is the deviation of the logarithm.
[[nodiscard]] double lognormal(Random& random, double sigma) noexcept;
/// Of minimum 1; `alpha` is the index of the tail.
[[nodiscard]] double pareto(Random& random, double alpha) noexcept;

[[nodiscard]] Duration from_seconds(double seconds) noexcept;

}  // namespace sluice::sim
