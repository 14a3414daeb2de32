// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"

// Series whose truth is known: a clean process and one labelled incident in it.
namespace sluice::sim {

inline constexpr Duration kTick = std::chrono::seconds(10);
inline constexpr std::size_t kTicksPerDay = 8640;

/// The clean process, in units of its innovation's deviation; the value is the exponential of a
/// tenth of it, so a latency with ten per cent of noise.
struct Process {
  double rho = 0.0;    ///< first autocorrelation
  double day = 0.0;    ///< amplitude over the day
  double block = 0.0;  ///< amplitude over the twelve seconds, as ten-second means see it
};

/// Shifts are of the innovation: what whitening leaves of them is their size.
enum class Incident : std::uint8_t {
  kNone,
  kShiftHalf,
  kShift1,
  kShift2,
  kShift3,
  kSpike,   ///< three ticks, eight deviations
  kRamp,    ///< 0.05 deviations more each tick, up to 3
  kSpread,  ///< twice the variance
  kDrop,    ///< nothing at all
};
[[nodiscard]] std::string_view name_of(Incident incident) noexcept;

struct Labelled {
  std::vector<double> value;       ///< what a detector in production would see
  std::vector<double> innovation;  ///< season and autocorrelation taken out by who knows them
};

/// `ticks` of the process; the incident begins at tick `start` and stays.
[[nodiscard]] Labelled labelled(const Process& process, Incident incident, std::size_t start,
                                std::size_t ticks, Random random);

[[nodiscard]] TimePoint tick_time(std::size_t tick) noexcept;

}  // namespace sluice::sim
