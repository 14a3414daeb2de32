// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.hpp"

namespace sluice::policy {

/// Method classes that are told apart; later ones are not looked at.
inline constexpr std::size_t kClassesMax = 12;

/// What calls of one class did at one upstream since the last report.
struct ClassTraffic {
  std::uint32_t successes = 0;
  std::uint32_t failures = 0;   ///< the upstream's own; not reverts, not clients' faults
  std::uint32_t in_flight = 0;  ///< now
  double log_seconds = 0.0;     ///< sum over the successes of the natural logarithm of their times
};

/// Calls and failures by class in the last report and over the last 0.5, 1, 2, 4, 6, 16 and 60
/// seconds. Two rings of slots, fine ones for the newest and coarse ones for all; a value of about
/// 4 KB that allocates nothing.
class TrafficWindow {
 public:
  static constexpr std::size_t kSpans = 8;
  /// The spans that tell how things are now, and in the long run.
  static constexpr std::size_t kLately = 5;
  static constexpr std::size_t kLong = 7;

  struct Count {
    std::uint32_t calls = 0;
    std::uint32_t failed = 0;
  };
  struct Span {
    Count all;
    std::array<Count, kClassesMax> by_class{};
  };

  void add(std::span<const ClassTraffic> traffic, TimePoint now) noexcept;
  void clear(TimePoint now) noexcept;
  /// As of the last add().
  [[nodiscard]] const Span& span(std::size_t index) const noexcept { return spans_[index]; }

 private:
  using Slot = std::array<Count, kClassesMax>;
  static constexpr std::size_t kFine = 24;
  static constexpr std::size_t kCoarse = 15;
  static constexpr Duration kFineSlot = std::chrono::milliseconds(250);
  static constexpr Duration kCoarseSlot = std::chrono::seconds(4);

  template <std::size_t N>
  static void turn(std::array<Slot, N>& ring, std::int64_t& at, std::int64_t slot) noexcept;
  void sum(const Slot& latest) noexcept;

  std::array<Slot, kFine> fine_{};
  std::array<Slot, kCoarse> coarse_{};
  std::array<Span, kSpans> spans_{};
  std::int64_t fine_at_ = 0;
  std::int64_t coarse_at_ = 0;
};

}  // namespace sluice::policy
