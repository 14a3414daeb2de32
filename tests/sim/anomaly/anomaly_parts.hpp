// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/core/report.hpp"

// The scenes of the part `anomaly`.
namespace sluice::sim {

void run_clean_and_delays(Report& report);
void run_other_series(Report& report);
void run_common_cause(Report& report);
void run_crossings(Report& report);

}  // namespace sluice::sim
