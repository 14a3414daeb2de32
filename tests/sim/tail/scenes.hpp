// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "sim/core/report.hpp"
#include "sim/tail/desk.hpp"

namespace sluice::sim {

void run_stalls(Report& report);
void run_outage(Report& report);
void run_overload(Report& report);
void run_limit(Report& report);

/// Seconds that served calls took which came within [from, to).
[[nodiscard]] std::vector<double> served_times(const DeskResult& result, Duration from, Duration to,
                                               bool critical_only = false);
/// Calls served, of those that came within [from, to).
[[nodiscard]] double served_share(const DeskResult& result, Duration from, Duration to,
                                  bool critical_only = false);
/// Mean of a call's time on an idle node.
[[nodiscard]] double mean_service_s(const std::vector<MethodMix>& methods);

}  // namespace sluice::sim
