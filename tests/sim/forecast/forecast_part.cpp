// SPDX-License-Identifier: Apache-2.0
// Does a forecast provide in time what a reactive scaler provides late, and does it keep quiet
// where there is nothing to foresee?
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "policy/forecast/layer.hpp"
#include "policy/forecast/load_forecast.hpp"
#include "sim/core/draw.hpp"
#include "sim/core/engine.hpp"
#include "sim/forecast/plans.hpp"
#include "sim/forecast/traces.hpp"
#include "sim/parts.hpp"

namespace sluice::sim {

namespace {

using namespace std::chrono_literals;
using policy::ForecastLayer;
using policy::ForecastModel;
using policy::LoadForecast;

constexpr std::size_t kStepsPerDay = 17280;
constexpr double kTight = 0.25;

struct Compared {
  Worth threshold;
  Worth follow;        ///< at the threshold's over-provision
  Worth forecast;      ///< likewise
  Worth tight_follow;  ///< at a quarter too much, which leaves no room for being late
  Worth tight_forecast;
  double skill = 0.0;
};

Compared compare(const Trace& trace, Duration lead, std::size_t from) {
  Compared out;
  out.threshold = worth_of(trace, threshold_plan(trace), lead, from);
  const Plan follow = follow_plan(trace);
  const Plan silent(trace.demand.size(), 0.0);
  const Foresight foresight = foresee(trace, lead, from);
  const double over = out.threshold.over;
  out.follow = at_equal_over(trace, follow, silent, lead, from, over);
  out.forecast = at_equal_over(trace, follow, foresight.plan, lead, from, over);
  out.tight_follow = at_equal_over(trace, follow, silent, lead, from, kTight);
  out.tight_forecast = at_equal_over(trace, follow, foresight.plan, lead, from, kTight);
  out.skill = foresight.skill;
  return out;
}

/// Mean over the seeds of a figure of each run.
template <class Run, class Pick>
double mean_of(const std::vector<Run>& runs, Pick pick) {
  double sum = 0.0;
  for (const Run& run : runs) sum += pick(run);
  return sum / static_cast<double>(runs.size());
}

/// Sum of a over all seeds / sum of b, with the seeds drawn again and again for the interval. A
/// seed in which nobody was late says nothing alone, and so does a ratio of its own.
template <class Run, class Above, class Below>
Estimate ratio_of(const Report& report, const std::vector<Run>& runs, Above above, Below below) {
  const auto ratio = [&](auto pick_run) {
    double a = 0.0;
    double b = 0.0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const Run& run = runs[pick_run(i)];
      a += above(run);
      b += below(run);
    }
    return b > 0.0 ? a / b : 1.0;
  };
  Random random = derived(report.options().seed, 13);
  std::vector<double> resampled;
  for (int i = 0; i < 1000; ++i) {
    resampled.push_back(ratio([&](std::size_t) { return random.below(runs.size()); }));
  }
  return {ratio([](std::size_t i) { return i; }), quantile(resampled, 0.025),
          quantile(resampled, 0.975)};
}

void plot_day(Report& report, const std::string& name, const std::string& title, const Trace& trace,
              Duration lead, std::size_t from, std::size_t steps, std::size_t every) {
  const Plan threshold = threshold_plan(trace);
  const Plan plan = combined(follow_plan(trace), foresee(trace, lead, from).plan, 1.0);
  Plot plot{.title = title, .x_label = "seconds", .y_label = "connections", .series = {}};
  Plot::Series demand{.name = "demand", .x = {}, .y = {}};
  Plot::Series reactive{.name = "threshold", .x = {}, .y = {}};
  Plot::Series foreseen{.name = "forecast", .x = {}, .y = {}};
  const auto delay = static_cast<std::size_t>(lead / trace.step);
  for (std::size_t i = from; i < from + steps && i < trace.demand.size(); i += every) {
    const double x = static_cast<double>(i - from) * seconds(trace.step);
    for (auto* const series : {&demand, &reactive, &foreseen}) series->x.push_back(x);
    demand.y.push_back(trace.demand[i]);
    reactive.y.push_back(threshold[i - delay]);
    foreseen.y.push_back(plan[i - delay]);
  }
  plot.series = {std::move(demand), std::move(reactive), std::move(foreseen)};
  report.plot(name, plot);
}

void run_daily(Report& report) {
  const Options& options = report.options();
  const int days = options.full ? 7 : 4;
  const std::size_t from = 2 * kStepsPerDay;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::pair<double, double>> all(options.seeds);
  constexpr std::array kKinds{TraceKind::kSine, TraceKind::kMarket, TraceKind::kJobs,
                              TraceKind::kGrowth};
  for (const TraceKind kind : kKinds) {
    const auto runs = for_each_seed<Compared>(options, [&](std::uint64_t seed) {
      return compare(daily_trace(kind, seed, days), 5min, from);
    });
    const double late = mean_of(runs, [](const Compared& r) { return r.threshold.late_time; });
    if (late > 0.0) {
      report.bar(fmt::format("forecast.daily.{}", name_of(kind)),
                 ratio_of(
                     report, runs, [](const Compared& r) { return r.forecast.late_time; },
                     [](const Compared& r) { return r.threshold.late_time; }),
                 Aim::kAtMost, 0.5,
                 "late time / that of threshold, at its over-provision, lead 5 min");
    } else {
      report.paragraph(fmt::format(
          "`{}`: threshold is never late here, with {} % too much: no ratio and no bar.",
          name_of(kind),
          figure(100 * mean_of(runs, [](const Compared& r) { return r.threshold.over; }))));
    }
    for (std::size_t i = 0; i < runs.size(); ++i) {
      all[i].first += runs[i].tight_forecast.late_time;
      all[i].second += runs[i].tight_follow.late_time;
    }
    for (const auto& [label, pick] :
         {std::pair{"threshold", &Compared::threshold}, std::pair{"follow", &Compared::follow},
          std::pair{"forecast", &Compared::forecast},
          std::pair{"follow, tight", &Compared::tight_follow},
          std::pair{"forecast, tight", &Compared::tight_forecast}}) {
      rows.push_back(
          {std::string(name_of(kind)), label,
           figure(mean_of(runs, [&](const Compared& r) { return 100 * (r.*pick).late_time; })),
           figure(mean_of(runs, [&](const Compared& r) { return 100 * (r.*pick).late_work; })),
           figure(mean_of(runs, [&](const Compared& r) { return 100 * (r.*pick).over; })),
           figure(mean_of(runs, [&](const Compared& r) { return (r.*pick).changes_per_hour; }))});
    }
  }
  report.bar("forecast.daily.tight",
             ratio_of(
                 report, all, [](const auto& late) { return late.first; },
                 [](const auto& late) { return late.second; }),
             Aim::kAtMost, 0.5,
             "late time / that of follow, all four traces, both with 25 % too much, lead 5 min");
  report.table({"trace", "scaler", "late time %", "late work %", "over %", "changes/h"}, rows);
  plot_day(report, "forecast-market", "The opening of a market, five minutes to provide",
           daily_trace(TraceKind::kMarket, options.seed, 3), 5min, from + 9400, 1440, 12);
}

void run_blocks(Report& report) {
  const Options& options = report.options();
  const auto length = options.full ? Duration(2h) : Duration(40min);
  const std::size_t from = 1200;  // ten minutes
  const auto runs = for_each_seed<Compared>(
      options, [&](std::uint64_t seed) { return compare(block_trace(seed, length), 1s, from); });
  const auto first = [](const Worth Compared::* who) {
    return [who](const Compared& r) { return (r.*who).first_second; };
  };
  report.bar("forecast.block.first_second",
             ratio_of(report, runs, first(&Compared::forecast), first(&Compared::threshold)),
             Aim::kAtMost, 0.3,
             "work that waits in the second after a block / that of threshold, at its "
             "over-provision, lead 1 s");
  report.paragraph(fmt::format(
      "Share of all work that waits in the first second after a block: threshold {} %, following "
      "the demand {} %, forecast {} %; over-provision {} %.",
      figure(100 * mean_of(runs, first(&Compared::threshold))),
      figure(100 * mean_of(runs, first(&Compared::follow))),
      figure(100 * mean_of(runs, first(&Compared::forecast))),
      figure(100 * mean_of(runs, [](const Compared& r) { return r.threshold.over; }))));
  plot_day(report, "forecast-block", "Bursts after blocks, one second to provide",
           block_trace(options.seed, 20min), 1s, from, 96, 1);
}

struct Harm {
  Worth plain;
  Worth with;        ///< max(plain, forecast)
  Worth with_equal;  ///< the same at the over-provision of `plain`
  double spoke = 0.0;
};

/// What a forecast adds where it can only be wrong: too much provision, or lateness at equal
/// provision.
Harm harm_of(const Trace& trace, Duration lead, double headroom) {
  const std::size_t from = 720;  // an hour; until then everything warms up
  const Plan silent(trace.demand.size(), 0.0);
  const Plan reactive = combined(follow_plan(trace), silent, headroom);
  const Foresight foresight = foresee(trace, lead, from);
  Harm harm;
  harm.plain = worth_of(trace, reactive, lead, from);
  harm.with = worth_of(trace, combined(reactive, foresight.plan, 1.0), lead, from);
  harm.with_equal = at_equal_over(trace, reactive, foresight.plan, lead, from, harm.plain.over);
  harm.spoke = foresight.spoke;
  return harm;
}

void run_no_harm(Report& report) {
  const Options& options = report.options();
  const int days = options.full ? 5 : 3;
  for (const TraceKind kind : {TraceKind::kWalk, TraceKind::kWhite}) {
    for (const Duration lead : {Duration(1s), Duration(3s), Duration(20s), Duration(5min)}) {
      const auto runs = for_each_seed<Harm>(options, [&](std::uint64_t seed) {
        return harm_of(daily_trace(kind, seed, days), lead, 1.2);
      });
      const Estimate over = ratio_of(
          report, runs, [](const Harm& r) { return r.with.over; },
          [](const Harm& r) { return r.plain.over; });
      const Estimate late = ratio_of(
          report, runs, [](const Harm& r) { return r.with_equal.late_time; },
          [](const Harm& r) { return r.plain.late_time; });
      const double spoke = mean_of(runs, [](const Harm& r) { return r.spoke; });
      const auto id = fmt::format("forecast.no_harm.{}.{}s", name_of(kind), lead / 1s);
      report.bar(
          id + ".over", over, Aim::kAtMost, 1.02,
          fmt::format("over-provision / that of the reactive plan; spoke in {} % of the time",
                      figure(100 * spoke)));
      report.bar(id + ".late", late, Aim::kAtMost, 1.02,
                 "late time / that of the reactive plan, at its over-provision");
    }
  }
}

/// The chosen model against the seasonal naive one, each with its own margin.
void run_pinball(Report& report) {
  const Options& options = report.options();
  const int days = options.full ? 7 : 4;
  for (const TraceKind kind : {TraceKind::kSine, TraceKind::kMarket, TraceKind::kJobs,
                               TraceKind::kGrowth, TraceKind::kWalk}) {
    const auto ratios = for_each_seed<double>(options, [&](std::uint64_t seed) {
      const Trace trace = daily_trace(kind, seed, days);
      ForecastLayer layer({.slots = 288, .horizons = {1, 2, 6, 12}, .memory = 1e9});
      double sum = 0.0;
      for (std::size_t i = 0; i < trace.demand.size(); ++i) {
        sum += trace.demand[i];
        if ((i + 1) % 60 != 0) continue;
        layer.add(std::sqrt(sum / 60.0), static_cast<std::uint32_t>(i / 60 % 288));
        sum = 0.0;
      }
      return layer.loss(layer.best(1), 1) / layer.loss(ForecastModel::naive, 1);
    });
    report.bar(fmt::format("forecast.pinball.{}", name_of(kind)),
               mean_over_seeds(ratios, options.seed), Aim::kAtMost, 0.9,
               "pinball loss at 0.95, five minutes ahead / that of the seasonal naive");
  }
}

void run_cost(Report& report) {
  LoadForecast forecast;
  double best = HUGE_VAL;
  Duration t = 0s;
  for (int round = 0; round < 40; ++round) {
    const TimePoint start = now();
    for (int i = 0; i < 10'000; ++i, t += 500ms) {
      forecast.tick(20.0 + (i & 15), Engine::kStart + t);
    }
    best = std::min(best, seconds(now() - start) / 10'000 * 1e9);
  }
  report.bar("forecast.cost.tick_ns", {best, best, best}, Aim::kAtMost, 2000,
             "a tick of one series, best of 40 rounds");
  const auto bytes = static_cast<double>(forecast.bytes());
  report.bar("forecast.cost.bytes", {bytes, bytes, bytes}, Aim::kAtMost, 8192, "of one series");
}

}  // namespace

void run_forecast(Report& report) {
  report.section(
      "Prediction",
      "Scalers on made-up demand. `threshold` looks every 60 s, orders a tenth more above 0.8 and "
      "gives back a tenth below 0.3; `follow` provides the smoothed demand of the last minute "
      "times "
      "a headroom; `forecast` is max(follow, forecast) times a headroom. Headrooms are set so that "
      "all provide equally much too much. What is ordered stands a lead later.");
  run_daily(report);
  run_blocks(report);
  run_no_harm(report);
  run_pinball(report);
  run_cost(report);
}

}  // namespace sluice::sim
