// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

/// Monotonic time: all intervals, deadlines and timers. A jump of the wall clock does not touch it.
using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Duration>;

/// The only place that reads the monotonic clock; pure code is handed a TimePoint.
[[nodiscard]] TimePoint now() noexcept;

/// Seconds since the Unix epoch, for people: logs, the Date header, certificates.
[[nodiscard]] double unix_time() noexcept;

[[nodiscard]] constexpr double seconds(Duration d) noexcept {
  return std::chrono::duration<double>(d).count();
}

}  // namespace sluice
