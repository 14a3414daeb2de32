// SPDX-License-Identifier: Apache-2.0
// How often a clean series alarms, and how soon an ill one does, against known detectors at the
// same rate of false alarms.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "policy/anomaly/series_detector.hpp"
#include "sim/anomaly/anomaly_parts.hpp"
#include "sim/anomaly/labelled.hpp"
#include "sim/anomaly/rivals.hpp"
#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

using policy::SeriesDetector;

constexpr Process kWhole{.rho = 0.6, .day = 4.0, .block = 1.0};
constexpr std::uint32_t kSamples = 100;
/// What has not been found after two hours counts as found then.
constexpr std::size_t kMost = 720;
constexpr std::array kCounted{Incident::kShiftHalf, Incident::kShift1, Incident::kShift2,
                              Incident::kSpike,     Incident::kRamp,   Incident::kSpread,
                              Incident::kDrop};
constexpr std::array kIncidents{Incident::kShiftHalf, Incident::kShift1, Incident::kShift2,
                                Incident::kShift3,    Incident::kSpike,  Incident::kRamp,
                                Incident::kSpread,    Incident::kDrop};

std::size_t clean_alarms(const Labelled& series) {
  SeriesDetector detector({});
  std::size_t alarms = 0;
  for (std::size_t i = 0; i < series.value.size(); ++i) {
    if (detector.tick(series.value[i], kSamples, tick_time(i))) ++alarms;
  }
  return alarms;
}

/// Ticks from the incident to the alarm, the first being 1; nothing if it was already alarmed for
/// no reason. An alarm that came just before and keeps ours silent counts against us.
std::optional<double> our_delay(const Labelled& series, std::size_t start) {
  SeriesDetector detector({});
  for (std::size_t i = 0; i < series.value.size(); ++i) {
    if (i == start && detector.alarmed()) return std::nullopt;
    const bool alarm = detector.tick(series.value[i], kSamples, tick_time(i)).has_value();
    if (i >= start && alarm) return static_cast<double>(i - start + 1);
  }
  return static_cast<double>(kMost);
}

double rival_delay(RivalKind kind, double threshold, const Labelled& series, std::size_t start) {
  const auto rival = make_rival(kind, threshold);
  for (std::size_t i = start - std::min(start, kTicksPerDay); i < series.innovation.size(); ++i) {
    const bool alarm = rival->tick(series.innovation[i]);
    if (i >= start && alarm) return static_cast<double>(i - start + 1);
  }
  return static_cast<double>(kMost);
}

struct Delays {
  std::vector<double> ours;
  std::array<std::vector<double>, kRivals> theirs;
};

Delays delays_of(Incident incident, std::uint64_t seed, int each,
                 const std::array<double, kRivals>& thresholds) {
  Delays out;
  for (int i = 0; i < each; ++i) {
    Random random = derived(seed, 22, static_cast<std::uint64_t>(i));
    const std::size_t start = 2 * kTicksPerDay + random.below(kTicksPerDay);
    const Labelled series = labelled(kWhole, incident, start, start + kMost, random);
    const auto ours = our_delay(series, start);
    if (!ours) continue;
    out.ours.push_back(*ours);
    for (std::size_t r = 0; r < kRivals; ++r) {
      out.theirs[r].push_back(rival_delay(static_cast<RivalKind>(r), thresholds[r], series, start));
    }
  }
  return out;
}

/// Median over all seeds, and by seed for the interval.
Estimate median_delay(const Report& report, const std::vector<Delays>& runs, int rival) {
  std::vector<double> all;
  std::vector<double> by_seed;
  for (const Delays& run : runs) {
    const auto& delays = rival < 0 ? run.ours : run.theirs[static_cast<std::size_t>(rival)];
    all.insert(all.end(), delays.begin(), delays.end());
    if (!delays.empty()) by_seed.push_back(median(delays));
  }
  Estimate estimate = mean_over_seeds(by_seed, report.options().seed);
  estimate.value = median(all);
  return estimate;
}

/// False alarms on every clean process; returns those on the whole one and its series.
std::size_t run_clean(Report& report, std::vector<std::vector<double>>& clean) {
  const Options& options = report.options();
  const std::size_t days = options.full ? 7 : 14;
  std::size_t counted = 0;
  std::vector<std::vector<std::string>> rows;
  struct Case {
    std::string name;
    Process process;
  };
  for (const Case& c :
       {Case{"independent", {}}, Case{"autocorrelated", {.rho = 0.6}}, Case{"whole", kWhole},
        Case{"strong seasons", {.rho = 0.6, .day = 10.0, .block = 2.0}}}) {
    const bool whole = c.name == "whole";
    struct Run {
      std::size_t alarms = 0;
      std::vector<double> innovation;
    };
    auto runs = for_each_seed<Run>(options, [&](std::uint64_t seed) {
      Labelled series =
          labelled(c.process, Incident::kNone, 0, days * kTicksPerDay, derived(seed, 21));
      return Run{clean_alarms(series),
                 whole ? std::move(series.innovation) : std::vector<double>{}};
    });
    std::vector<double> per_day;
    for (Run& run : runs) {
      per_day.push_back(static_cast<double>(run.alarms) / static_cast<double>(days));
      if (!whole) continue;
      counted += run.alarms;
      clean.push_back(std::move(run.innovation));
    }
    const Estimate rate = mean_over_seeds(per_day, options.seed);
    rows.push_back({c.name, figure(rate.value), fmt::format("{}", days * 24 * options.seeds)});
    if (whole) {
      report.bar("anomaly.false_per_day", rate, Aim::kAtMost, 1.0,
                 fmt::format("alarms per clean series and day, {} h, first day included",
                             days * 24 * options.seeds));
    }
  }
  report.table({"clean series", "alarms a day", "hours"}, rows);
  return counted;
}

void plot_delays(Report& report, const std::vector<Estimate>& ours,
                 const std::vector<Estimate>& single) {
  Plot plot{.title = "Ticks until a shift is found (median)",
            .x_label = "shift in standard deviations",
            .y_label = "ticks of 10 s",
            .log_y = true,
            .series = {}};
  Plot::Series a{.name = "sluice", .x = {0.5, 1, 2, 3}, .y = {}};
  Plot::Series b{.name = "single point", .x = {0.5, 1, 2, 3}, .y = {}};
  for (std::size_t i = 0; i < 4; ++i) {
    a.y.push_back(ours[i].value);
    b.y.push_back(single[i].value);
  }
  plot.series = {std::move(a), std::move(b)};
  report.plot("anomaly-delay", plot);
}

}  // namespace

void run_clean_and_delays(Report& report) {
  const Options& options = report.options();
  std::vector<std::vector<double>> clean;
  const std::size_t alarms = run_clean(report, clean);
  std::array<double, kRivals> thresholds{};
  run_parallel(kRivals, [&](std::size_t r) {
    thresholds[r] = calibrated(static_cast<RivalKind>(r), clean, alarms);
  });

  std::vector<std::string> head{"incident", "sluice"};
  for (std::size_t r = 0; r < kRivals; ++r) {
    head.emplace_back(name_of(static_cast<RivalKind>(r)));
  }
  std::vector<std::vector<std::string>> rows;
  std::vector<Estimate> ours;
  std::vector<Estimate> single;
  double best = 0.0;
  for (const Incident incident : kIncidents) {
    const auto runs = for_each_seed<Delays>(options, [&](std::uint64_t seed) {
      return delays_of(incident, seed, options.full ? 15 : 20, thresholds);
    });
    ours.push_back(median_delay(report, runs, -1));
    std::vector<std::string> row{std::string(name_of(incident)), figure(ours.back().value)};
    double least = HUGE_VAL;
    for (std::size_t r = 0; r < kRivals; ++r) {
      const Estimate theirs = median_delay(report, runs, static_cast<int>(r));
      if (r == 0) single.push_back(theirs);
      least = std::min(least, theirs.value);
      row.push_back(theirs.value >= static_cast<double>(kMost) ? "> 2 h" : figure(theirs.value));
    }
    rows.push_back(std::move(row));
    if (std::ranges::find(kCounted, incident) != kCounted.end() && ours.back().value <= least) {
      best += 1.0;
    }
  }
  report.bar("anomaly.delay.shift_1", ours[1], Aim::kAtMost, 20, "median ticks");
  report.bar("anomaly.delay.shift_2", ours[2], Aim::kAtMost, 7, "median ticks");
  report.bar("anomaly.delay.drop", ours[7], Aim::kAtMost, 2, "median ticks");
  const double ratio = ours[1].value / single[1].value;
  report.bar("anomaly.delay.vs_single_point",
             {ratio, ours[1].low / single[1].high, ours[1].high / single[1].low}, Aim::kAtMost, 0.2,
             "one deviation, at the same rate of false alarms");
  report.bar("anomaly.delay.best_or_tied", {best, best, best}, Aim::kAtLeast, 5,
             "of 7 kinds of incident, against five detectors that are told the innovation");
  report.paragraph("Median ticks from the incident to the alarm:");
  report.table(head, rows);
  plot_delays(report, ours, single);
}

}  // namespace sluice::sim
