// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::sim {

/// Response times of the last minute in windows of ten seconds, for quantiles within 3 %.
class RecentTimes {
 public:
  void add(Duration time) { ++windows_[current_][index(time)]; }
  void next_window() {
    current_ = (current_ + 1) % windows_.size();
    windows_[current_] = {};
  }
  /// Together with `other`, when given.
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const auto& window : windows_) {
      for (const std::uint32_t n : window) sum += n;
    }
    return sum;
  }
  [[nodiscard]] Duration quantile(double q) const {
    std::array<std::uint64_t, kBuckets> sums{};
    std::uint64_t all = 0;
    for (const auto& window : windows_) {
      for (std::size_t i = 0; i < kBuckets; ++i) sums[i] += window[i], all += window[i];
    }
    if (all == 0) return Duration::zero();
    auto left = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(all)));
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (sums[i] >= left) return middle(i);
      left -= sums[i];
    }
    return middle(kBuckets - 1);
  }

 private:
  /// 24 to each factor of 2, from 16 us on.
  static constexpr std::size_t kBuckets = 24 * 24;
  static std::size_t index(Duration time) {
    const double octaves = std::log2(std::max(1.0, static_cast<double>(time.count()) / 16e3));
    return std::min(kBuckets - 1, static_cast<std::size_t>(octaves * 24));
  }
  static Duration middle(std::size_t i) {
    return Duration(
        static_cast<Duration::rep>(16e3 * std::exp2((static_cast<double>(i) + 0.5) / 24)));
  }

  std::array<std::array<std::uint32_t, kBuckets>, 6> windows_{};
  std::size_t current_ = 0;
};

}  // namespace sluice::sim
