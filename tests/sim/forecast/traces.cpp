// SPDX-License-Identifier: Apache-2.0
#include "sim/forecast/traces.hpp"

#include <algorithm>
#include <cmath>

#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

using namespace std::chrono_literals;

constexpr double kTwoPi = 6.283185307179586;

/// Rises from 0 to 1 within two minutes of `start` and falls likewise at `end`; hours of the day.
double plateau(double hour, double start, double end) noexcept {
  constexpr double kEdge = 2.0 / 60.0;
  return std::clamp(std::min(hour - start, end - hour) / kEdge, 0.0, 1.0);
}

double shape(TraceKind kind, double day) noexcept {
  const double hour = (day - std::floor(day)) * 24.0;
  const double wave = std::sin(kTwoPi * day);
  switch (kind) {
    case TraceKind::kSine:
      return 100.0 + 60.0 * wave;
    case TraceKind::kMarket:
      return 70.0 + 25.0 * wave + 90.0 * plateau(hour, 13.5, 20.0) +
             70.0 * plateau(hour, 19.8, 20.05);
    case TraceKind::kJobs:
      return 70.0 + 150.0 * plateau(hour, 2.0, 2.5) + 100.0 * plateau(hour, 8.0, 8.4) +
             120.0 * plateau(hour, 16.0, 17.0);
    case TraceKind::kGrowth:
      return (80.0 + 40.0 * wave + 50.0 * plateau(hour, 9.0, 17.0)) * (1.0 + 0.1 * day);
    case TraceKind::kWalk:
    case TraceKind::kWhite:
      return 100.0;
  }
  return 100.0;
}

}  // namespace

std::string_view name_of(TraceKind kind) noexcept {
  switch (kind) {
    case TraceKind::kSine:
      return "sine";
    case TraceKind::kMarket:
      return "market";
    case TraceKind::kJobs:
      return "jobs";
    case TraceKind::kGrowth:
      return "growth";
    case TraceKind::kWalk:
      return "walk";
    case TraceKind::kWhite:
      return "white";
  }
  return "";
}

Trace daily_trace(TraceKind kind, std::uint64_t seed, int days) {
  Trace trace{.step = 5s, .demand = {}, .heads = {}};
  const int steps = days * 17280;
  trace.demand.reserve(static_cast<std::size_t>(steps));
  Random random = derived(seed, 11, static_cast<std::uint64_t>(kind));
  double slow = 0.0;  // some ten minutes of memory
  double walk = 0.0;
  for (int i = 0; i < steps; ++i) {
    const double mean = shape(kind, i / 17280.0);
    slow = 0.9917 * slow + 0.13 * normal(random);
    const double fast = normal(random);
    walk += 0.004 * normal(random);
    double demand = mean * (1.0 + 0.03 * slow) + std::sqrt(mean) * 0.4 * fast;
    if (kind == TraceKind::kWalk) demand = mean * std::exp(walk);
    if (kind == TraceKind::kWhite) demand = mean * (1.0 + 0.12 * fast);
    trace.demand.push_back(std::max(0.0, demand));
  }
  return trace;
}

Trace block_trace(std::uint64_t seed, Duration length) {
  Trace trace{.step = 500ms, .demand = {}, .heads = {}};
  const auto steps = static_cast<std::size_t>(length / trace.step);
  trace.demand.assign(steps, 0.0);
  Random random = derived(seed, 12);
  for (double& demand : trace.demand) demand = std::max(0.0, 25.0 + 2.0 * normal(random));
  // The block's place within the clock's twelve seconds is whatever it happens to be.
  const double phase = 12.0 * random.uniform();
  for (double slot = phase; slot < seconds(length) - 12.0; slot += 12.0) {
    if (random.uniform() < 0.01) continue;
    const double late = 0.3 * lognormal(random, 0.3);
    const double size = 90.0 * lognormal(random, 0.15);
    const double start = slot + late;
    trace.heads.push_back(static_cast<std::size_t>(start / 0.5));
    // The burst fades with a time constant of 1.2 s; each step gets its part of it.
    for (int k = 0; k < 12; ++k) {
      const std::size_t step = trace.heads.back() + static_cast<std::size_t>(k);
      const double from = std::max(0.0, static_cast<double>(step) * 0.5 - start);
      const double to = static_cast<double>(step + 1) * 0.5 - start;
      trace.demand[step] += size * 1.2 * (std::exp(-from / 1.2) - std::exp(-to / 1.2)) / 0.5;
    }
  }
  return trace;
}

}  // namespace sluice::sim
