// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/core/report.hpp"

// The parts of the simulation: each runs its scenarios and hands its bars to the report. The table
// in main.cpp names them.
namespace sluice::sim {

void run_core(Report& report);
void run_health(Report& report);
void run_balance(Report& report);
void run_pool(Report& report);
void run_forecast(Report& report);
void run_tail(Report& report);
void run_anomaly(Report& report);

}  // namespace sluice::sim
