// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace sluice {

/// xoshiro256** (Blackman, Vigna 2018), seeded through splitmix64. One per thread, handed in by the owner; equal
/// seeds give equal sequences on every platform. Not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept;

  [[nodiscard]] std::uint64_t next() noexcept;
  /// Uniform in [0, bound); 0 for a bound of 0. Lemire's multiplication, whose bias is below 2^-32 for our bounds.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;
  /// Uniform in [0, 1).
  [[nodiscard]] double uniform() noexcept;

 private:
  std::array<std::uint64_t, 4> state_;
};

/// A seed from the operating system: for production start-up, never inside a decision.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace sluice
