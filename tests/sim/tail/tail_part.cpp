// SPDX-License-Identifier: Apache-2.0
#include "sim/parts.hpp"
#include "sim/tail/scenes.hpp"

namespace sluice::sim {

void run_tail(Report& report) {
  report.section("Tail tolerance and overload",
                 "A proxy before simulated nodes, as deployed: one queue, workers with budgets of "
                 "their own, limits a tick old, the real health rules. A call's size is the same "
                 "wherever it runs, its luck is each attempt's own.");
  run_stalls(report);
  run_outage(report);
  run_overload(report);
  run_limit(report);
}

}  // namespace sluice::sim
