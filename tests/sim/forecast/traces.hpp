// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

// Demand over time, made from a seed.
namespace sluice::sim {

struct Trace {
  Duration step{0};
  std::vector<double> demand;      ///< never negative; about 100 on the mean
  std::vector<std::size_t> heads;  ///< steps at which a block arrived, for the block trace
};

enum class TraceKind : std::uint8_t {
  kSine,    ///< a calm day and night
  kMarket,  ///< the same with an opening step and a closing peak
  kJobs,    ///< flat, with batch jobs at fixed hours
  kGrowth,  ///< a day shape on a level that grows by a tenth a day
  kWalk,    ///< a random walk
  kWhite,   ///< noise around a level
};
[[nodiscard]] std::string_view name_of(TraceKind kind) noexcept;

/// `days` of five-second steps.
[[nodiscard]] Trace daily_trace(TraceKind kind, std::uint64_t seed, int days);

/// Half-second steps: a burst after each block, which comes every 12 s and some 0.3 s late; one
/// slot in a hundred stays empty.
[[nodiscard]] Trace block_trace(std::uint64_t seed, Duration length);

}  // namespace sluice::sim
