// SPDX-License-Identifier: Apache-2.0
#include "sim/anomaly/labelled.hpp"

#include <algorithm>
#include <cmath>

#include "sim/core/draw.hpp"
#include "sim/core/engine.hpp"

namespace sluice::sim {

namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kNoise = 0.1;
constexpr double kMedian = 0.05;  // seconds
constexpr double kLeast = 1e-6;

double season(const Process& process, std::size_t tick) noexcept {
  const double day = static_cast<double>(tick) / static_cast<double>(kTicksPerDay);
  // Ten-second means of a burst every twelve seconds repeat every minute.
  const double block = tick % 6 < 2 ? process.block : 0.0;
  return process.day * std::sin(kTwoPi * day) + block;
}

double shift_of(Incident incident, std::size_t since) noexcept {
  switch (incident) {
    case Incident::kShiftHalf:
      return 0.5;
    case Incident::kShift1:
      return 1.0;
    case Incident::kShift2:
      return 2.0;
    case Incident::kShift3:
      return 3.0;
    case Incident::kRamp:
      return std::min(3.0, 0.05 * static_cast<double>(since + 1));
    default:
      return 0.0;
  }
}

}  // namespace

std::string_view name_of(Incident incident) noexcept {
  switch (incident) {
    case Incident::kNone:
      return "clean";
    case Incident::kShiftHalf:
      return "shift_half";
    case Incident::kShift1:
      return "shift_1";
    case Incident::kShift2:
      return "shift_2";
    case Incident::kShift3:
      return "shift_3";
    case Incident::kSpike:
      return "spike";
    case Incident::kRamp:
      return "ramp";
    case Incident::kSpread:
      return "variance";
    case Incident::kDrop:
      return "drop";
  }
  return "";
}

TimePoint tick_time(std::size_t tick) noexcept {
  return Engine::kStart + kTick * static_cast<std::int64_t>(tick);
}

Labelled labelled(const Process& process, Incident incident, std::size_t start, std::size_t ticks,
                  Random random) {
  Labelled out;
  out.value.reserve(ticks);
  out.innovation.reserve(ticks);
  double residual = 0.0;  // the process itself; what is added from outside does not last in it
  double before = 0.0;
  for (std::size_t i = 0; i < ticks; ++i) {
    const bool ill = incident != Incident::kNone && i >= start;
    const std::size_t since = ill ? i - start : 0;
    double shock = normal(random);
    if (ill && incident == Incident::kSpread) shock *= std::sqrt(2.0);
    if (ill) shock += shift_of(incident, since);
    residual = process.rho * residual + shock;
    double seen = residual;
    if (ill && incident == Incident::kSpike && since < 3) seen += 8.0;
    double value = kMedian * std::exp(kNoise * (season(process, i) + seen));
    if (ill && incident == Incident::kDrop) {
      value = 0.0;
      seen = std::log(kLeast / kMedian) / kNoise - season(process, i);
    }
    out.value.push_back(value);
    out.innovation.push_back(seen - process.rho * before);
    before = seen;
  }
  return out;
}

}  // namespace sluice::sim
