// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

/// The scale of response times: 32 equal steps in each doubling from 1.024 us to 137 s, so that a
/// step's middle is within 1.6 % of what fell into it. Shorter and longer ones fall into the first
/// and the last step.
struct LatencyScale {
  static constexpr unsigned kFirstBits = 10;
  static constexpr unsigned kOctaves = 27;
  static constexpr unsigned kStepBits = 5;
  static constexpr std::size_t kSteps = std::size_t{kOctaves} << kStepBits;

  [[nodiscard]] static constexpr std::size_t step_of(Duration value) noexcept {
    constexpr std::uint64_t kLeast = std::uint64_t{1} << kFirstBits;
    constexpr std::uint64_t kMost = (std::uint64_t{1} << (kFirstBits + kOctaves)) - 1;
    const auto ns = std::clamp(
        static_cast<std::uint64_t>(std::max<Duration::rep>(value.count(), 0)), kLeast, kMost);
    const auto octave = static_cast<unsigned>(std::bit_width(ns)) - 1;
    // The leading bit adds one to the octave, which the subtraction takes off.
    return static_cast<std::size_t>(ns >> (octave - kStepBits)) +
           (std::size_t{octave - kFirstBits} << kStepBits) - (std::size_t{1} << kStepBits);
  }
  [[nodiscard]] static constexpr Duration middle_of(std::size_t step) noexcept {
    const auto octave = static_cast<unsigned>(step >> kStepBits) + kFirstBits;
    const std::uint64_t width = std::uint64_t{1} << (octave - kStepBits);
    const std::uint64_t within = step & ((std::size_t{1} << kStepBits) - 1);
    return Duration((std::uint64_t{1} << octave) + within * width + width / 2);
  }
};

/// Response times of one class of calls at one upstream as one worker saw them, ever since. One
/// writer, any readers; no read-modify-write, since nobody else writes.
class LatencyHistogram {
 public:
  void record(Duration value) noexcept {
    auto& count = counts_[LatencyScale::step_of(value)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// Wraps at 2^32; differences come out right all the same.
  [[nodiscard]] std::uint32_t count(std::size_t step) const noexcept {
    return counts_[step].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint32_t>, LatencyScale::kSteps> counts_{};
};

/// The recent part of several workers' histograms: what came in since the last look counts fully,
/// and all of it half as much after each `kHalfLife`. Reader's side: one owner, on one thread.
class RecentLatency {
 public:
  static constexpr Duration kHalfLife = std::chrono::seconds(10);

  /// To be called with each histogram of the same class and upstream in the same order, between
  /// begin() and end().
  void begin() noexcept { sum_.fill(0); }
  /// Only what is new at the next end() counts.
  void forget() noexcept { weights_.fill(0); }
  void add(const LatencyHistogram& histogram) noexcept;
  void end(TimePoint now) noexcept;

  /// How many samples the figures stand on; older ones count for less.
  [[nodiscard]] std::uint64_t samples() const noexcept { return total_ / kOne; }
  /// Within 1.6 % of what `share` of the samples do not exceed; zero without any.
  [[nodiscard]] Duration quantile(double share) const noexcept;

 private:
  /// A sample's weight when it is new: halved in whole numbers, it lasts for ten half-lives.
  static constexpr std::uint64_t kOne = 1024;

  std::array<std::uint32_t, LatencyScale::kSteps> sum_{};
  std::array<std::uint32_t, LatencyScale::kSteps> seen_{};
  std::array<std::uint64_t, LatencyScale::kSteps> weights_{};
  std::uint64_t total_ = 0;
  TimePoint halved_at_{};
};

}  // namespace sluice::policy
