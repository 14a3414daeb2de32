// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/forecast/traces.hpp"

// What different scalers would have provided for a trace, and what that was worth.
namespace sluice::sim {

/// A plan holds for each step what was wanted then; what is ordered stands `lead` later, what is
/// given back is gone at once.
using Plan = std::vector<double>;

/// The reactive baseline: every 60 s the mean utilisation since the last look; above 0.8 a tenth
/// more is ordered, below 0.3 a tenth is given back. Starts at a tenth of the first demand.
[[nodiscard]] Plan threshold_plan(const Trace& trace);

/// Reactive too: the demand of the last minute, smoothed.
[[nodiscard]] Plan follow_plan(const Trace& trace);

/// The most that LoadForecast expects within `lead`, 0 where it is silent; and its skill.
struct Foresight {
  Plan plan;
  double skill = 0.0;  ///< at the end
  double spoke = 0.0;  ///< share of the steps from `from` on
};
[[nodiscard]] Foresight foresee(const Trace& trace, Duration lead, std::size_t from);

/// max(reactive * headroom, forecast * headroom), step by step.
[[nodiscard]] Plan combined(const Plan& reactive, const Plan& forecast, double headroom);

struct Worth {
  double late_time = 0.0;  ///< share of steps with more demand than provision
  double late_work = 0.0;  ///< that demand's excess, of all demand
  double over = 0.0;       ///< provision's excess, of all demand
  double changes_per_hour = 0.0;
  double first_second = 0.0;  ///< late work in the second after a block, of all demand
};
/// From step `from` on.
[[nodiscard]] Worth worth_of(const Trace& trace, const Plan& plan, Duration lead, std::size_t from);

/// Looks for the headroom at which `combined` is as generous as `over`, within 0.05 %.
[[nodiscard]] Worth at_equal_over(const Trace& trace, const Plan& reactive, const Plan& forecast,
                                  Duration lead, std::size_t from, double over);

}  // namespace sluice::sim
