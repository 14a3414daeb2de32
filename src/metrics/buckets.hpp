// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::metrics {

/// Upper bounds of every duration histogram, in nanoseconds, inclusive: 50us to 30s; one more
/// bucket is above.
inline constexpr std::array<std::uint64_t, 18> kBoundsNs = {
    50'000,      100'000,       250'000,       500'000,       1'000'000,      2'500'000,
    5'000'000,   10'000'000,    25'000'000,    50'000'000,    100'000'000,    250'000'000,
    500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000};
inline constexpr std::size_t kBuckets = kBoundsNs.size() + 1;

namespace detail {

/// For each bit width, how many bounds lie below every number of that width.
consteval std::array<std::uint8_t, 65> bounds_below() {
  std::array<std::uint8_t, 65> below{};
  for (std::size_t width = 1; width <= 64; ++width) {
    for (const std::uint64_t bound : kBoundsNs) {
      if (bound < std::uint64_t{1} << (width - 1)) ++below.at(width);
    }
  }
  return below;
}

/// Each bound is at least twice the one before: so the numbers of one bit width meet at most one of
/// them.
consteval bool bounds_double() {
  for (std::size_t i = 1; i < kBoundsNs.size(); ++i) {
    if (kBoundsNs[i] < 2 * kBoundsNs[i - 1]) return false;
  }
  return true;
}
static_assert(bounds_double());

inline constexpr std::array<std::uint8_t, 65> kBoundsBelow = bounds_below();
inline constexpr std::array<std::uint64_t, kBuckets> kBoundsAndEnd = [] {
  std::array<std::uint64_t, kBuckets> bounds{};
  for (std::size_t i = 0; i < kBoundsNs.size(); ++i) bounds.at(i) = kBoundsNs.at(i);
  bounds.back() = UINT64_MAX;
  return bounds;
}();

}  // namespace detail

/// The bucket of a duration: one table look-up and one comparison, no loop.
[[nodiscard]] constexpr std::size_t bucket_index(std::uint64_t ns) noexcept {
  const std::size_t first = detail::kBoundsBelow[static_cast<std::size_t>(std::bit_width(ns))];
  return first + static_cast<std::size_t>(ns > detail::kBoundsAndEnd[first]);
}

/// The duration below which a share `q` of those in the buckets lies, by linear interpolation
/// within a bucket; in the last one its lower bound. In seconds; 0 when the buckets are empty.
[[nodiscard]] inline double quantile_s(const std::array<std::uint64_t, kBuckets>& counts,
                                       double q) noexcept {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) all += count;
  const double rank = q * static_cast<double>(all);
  double below = 0;
  for (std::size_t i = 0; i < kBuckets && all != 0; ++i) {
    const auto count = static_cast<double>(counts[i]);
    const double low = i == 0 ? 0.0 : static_cast<double>(kBoundsNs[i - 1]);
    if (below + count >= rank && count > 0) {
      const double high = i < kBoundsNs.size() ? static_cast<double>(kBoundsNs[i]) : low;
      return (low + (high - low) * (rank - below) / count) * 1e-9;
    }
    below += count;
  }
  return 0;
}

/// A duration as it is recorded; a negative one counts as none.
[[nodiscard]] constexpr std::uint64_t to_ns(Duration d) noexcept {
  return d.count() > 0 ? static_cast<std::uint64_t>(d.count()) : 0;
}

}  // namespace sluice::metrics
