// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sim/fleet/workload.hpp"

// The workloads on which strategies are compared. `load` is of what all upstreams can do together.
namespace sluice::sim {

/// 8 equal upstreams, lognormal service times (sigma 1).
[[nodiscard]] Workload equal_upstreams(double load, std::uint64_t calls);
/// Speeds 1, 1, 1, 2, 2, 4, 4, 10.
[[nodiscard]] Workload mixed_speeds(double load, std::uint64_t calls);
/// 10 upstreams, one of them 10 times slower.
[[nodiscard]] Workload one_slow(double load, std::uint64_t calls);
/// Closed loop of 50; latencies up to 1, 4 x 10, 4 x 100 and 1000 ms, without queues.
[[nodiscard]] Workload closed_loop(std::uint64_t calls);
/// 50 upstreams of 4 workers whose speeds are redrawn every `period` on average; 3 of them may have
/// a call, a tenth of the calls is sent to all three.
[[nodiscard]] Workload restless(double load, Duration period, std::uint64_t calls);
/// One of 8 stalls for 2 s every 30 s.
[[nodiscard]] Workload stalling(double load, std::uint64_t calls);
/// Methods of very different cost, each upstream slow for another one; sizes explain a part.
[[nodiscard]] Workload method_mix(double load, std::uint64_t calls);
/// One of 8 answers half of its calls with an error, at once.
[[nodiscard]] Workload sink_hole(double load, std::uint64_t calls);

inline constexpr std::uint32_t kMixMethods = 4;
[[nodiscard]] const char* mix_method(std::uint32_t method);

}  // namespace sluice::sim
