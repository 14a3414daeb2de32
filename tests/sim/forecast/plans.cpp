// SPDX-License-Identifier: Apache-2.0
#include "sim/forecast/plans.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include "policy/forecast/load_forecast.hpp"
#include "sim/core/engine.hpp"

namespace sluice::sim {

namespace {

constexpr double kUp = 0.8;
constexpr double kDown = 0.3;
constexpr double kStep = 0.1;

std::size_t steps_in(Duration time, const Trace& trace) {
  return static_cast<std::size_t>((time + trace.step - Duration(1)) / trace.step);
}

TimePoint time_of(const Trace& trace, std::size_t step) {
  return Engine::kStart + trace.step * static_cast<std::int64_t>(step);
}

}  // namespace

Plan threshold_plan(const Trace& trace) {
  const std::size_t interval = steps_in(std::chrono::seconds(60), trace);
  Plan plan(trace.demand.size());
  double capacity = std::max(1.0, 0.1 * trace.demand.front());
  double sum = 0.0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    sum += trace.demand[i];
    if ((i + 1) % interval == 0) {
      const double utilisation = sum / static_cast<double>(interval) / capacity;
      if (utilisation > kUp) capacity *= 1.0 + kStep;
      if (utilisation < kDown) capacity *= 1.0 - kStep;
      sum = 0.0;
    }
    plan[i] = capacity;
  }
  return plan;
}

Plan follow_plan(const Trace& trace) {
  const double gain = 1.0 - std::exp(-seconds(trace.step) / 20.0);
  Plan plan(trace.demand.size());
  double level = trace.demand.front();
  for (std::size_t i = 0; i < plan.size(); ++i) {
    level += gain * (trace.demand[i] - level);
    plan[i] = level;
  }
  return plan;
}

Foresight foresee(const Trace& trace, Duration lead, std::size_t from) {
  policy::LoadForecast forecast;
  Foresight out;
  out.plan.resize(trace.demand.size());
  std::size_t spoke = 0;
  for (std::size_t i = 0; i < out.plan.size(); ++i) {
    forecast.tick(trace.demand[i], time_of(trace, i));
    out.plan[i] = forecast.within(lead).value_or(0.0);
    if (i >= from && out.plan[i] > 0.0) ++spoke;
  }
  out.skill = forecast.skill(lead);
  out.spoke = static_cast<double>(spoke) / static_cast<double>(trace.demand.size() - from);
  return out;
}

Plan combined(const Plan& reactive, const Plan& forecast, double headroom) {
  Plan plan(reactive.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    plan[i] = headroom * std::max(reactive[i], forecast[i]);
  }
  return plan;
}

Worth worth_of(const Trace& trace, const Plan& plan, Duration lead, std::size_t from) {
  const std::size_t window = steps_in(lead, trace);
  const std::size_t second = std::max<std::size_t>(1, steps_in(std::chrono::seconds(1), trace));
  std::deque<std::size_t> least;  // steps of the window whose plans rise
  Worth worth;
  double demand = 0.0;
  double before = 0.0;
  std::size_t late = 0;
  std::size_t changes = 0;
  std::size_t head = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    // What stands now is the least that was wanted since `lead` ago.
    while (!least.empty() && plan[least.back()] >= plan[i]) least.pop_back();
    least.push_back(i);
    while (least.front() + window < i) least.pop_front();
    const double capacity = plan[least.front()];
    while (head < trace.heads.size() && trace.heads[head] + second <= i) ++head;
    if (i < from) continue;
    const double missing = std::max(0.0, trace.demand[i] - capacity);
    demand += trace.demand[i];
    if (missing > 0.0) ++late;
    worth.late_work += missing;
    worth.over += std::max(0.0, capacity - trace.demand[i]);
    if (std::abs(capacity - before) > 0.02 * before) ++changes;
    if (head < trace.heads.size() && trace.heads[head] <= i) worth.first_second += missing;
    before = capacity;
  }
  const auto steps = static_cast<double>(plan.size() - from);
  worth.late_time = static_cast<double>(late) / steps;
  worth.late_work /= demand;
  worth.over /= demand;
  worth.first_second /= demand;
  worth.changes_per_hour = static_cast<double>(changes) / (steps * seconds(trace.step) / 3600.0);
  return worth;
}

Worth at_equal_over(const Trace& trace, const Plan& reactive, const Plan& forecast, Duration lead,
                    std::size_t from, double over) {
  double low = 0.2;
  double high = 5.0;
  Worth worth;
  for (int i = 0; i < 40; ++i) {
    const double middle = std::sqrt(low * high);
    worth = worth_of(trace, combined(reactive, forecast, middle), lead, from);
    if (std::abs(worth.over - over) < 0.0005 * over) break;
    (worth.over < over ? low : high) = middle;
  }
  return worth;
}

}  // namespace sluice::sim
