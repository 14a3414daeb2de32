// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "policy/anomaly/common_cause.hpp"
#include "policy/anomaly/crossing_forecast.hpp"
#include "policy/anomaly/series_detector.hpp"
#include "sim/anomaly/anomaly_parts.hpp"
#include "sim/anomaly/labelled.hpp"
#include "sim/core/draw.hpp"
#include "sim/parts.hpp"

namespace sluice::sim {

namespace {

using policy::CommonCause;
using policy::SeriesDetector;

constexpr std::uint32_t kUpstreams = 5;
constexpr std::size_t kIncidentTicks = 30;

struct Blame {
  double incidents = 0.0;
  double events = 0.0;  ///< common events
  double blamed = 0.0;  ///< upstreams that were blamed
  double right = 0.0;   ///< of them the ill one
};

/// Five upstreams with their noise for two days and an incident of five minutes every hour of the
/// second: two deviations or more on one of them, or on all.
Blame blame_of(std::uint64_t seed, bool shared) {
  std::vector<SeriesDetector> detectors(kUpstreams, SeriesDetector({}));
  std::vector<double> residual(kUpstreams, 0.0);
  CommonCause causes(kUpstreams);
  for (std::uint32_t u = 0; u < kUpstreams; ++u) causes.watch(u, true);
  std::array<CommonCause::Verdict, kUpstreams + 1> out;
  Random random = derived(seed, 41, shared ? 1 : 0);
  Blame blame;
  std::uint32_t ill = 0;
  std::vector<bool> counted(kUpstreams, false);
  for (std::size_t i = 0; i < 2 * kTicksPerDay; ++i) {
    const std::size_t in_hour = i % 360;
    const bool second_day = i >= kTicksPerDay;
    if (second_day && in_hour == 180) {
      ill = static_cast<std::uint32_t>(random.below(kUpstreams));
      std::fill(counted.begin(), counted.end(), false);
      blame.incidents += 1.0;
    }
    const bool on = second_day && in_hour >= 180 && in_hour < 180 + kIncidentTicks;
    for (std::uint32_t u = 0; u < kUpstreams; ++u) {
      const double shift = on && (shared || u == ill) ? 3.0 : 0.0;
      residual[u] = 0.6 * residual[u] + normal(random) + shift;
      const bool before = detectors[u].alarmed();
      const auto alarm = detectors[u].tick(0.05 * std::exp(0.1 * residual[u]), 100, tick_time(i));
      if (alarm) causes.raise(u, *alarm, tick_time(i));
      if (before && !detectors[u].alarmed()) causes.clear(u);
    }
    const std::size_t verdicts = causes.settle(tick_time(i), out);
    for (std::size_t v = 0; v < verdicts && on; ++v) {
      if (out[v].common) {
        blame.events += 1.0;
      } else if (!counted[out[v].upstream]) {
        counted[out[v].upstream] = true;
        blame.blamed += 1.0;
        blame.right += out[v].upstream == ill ? 1.0 : 0.0;
      }
    }
  }
  return blame;
}

void run_cost(Report& report) {
  Random random = derived(1, 51);
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i) values.push_back(0.05 * lognormal(random, 0.1));
  SeriesDetector detector({});
  policy::CrossingForecast crossing({});
  double best = HUGE_VAL;
  double best_crossing = HUGE_VAL;
  std::size_t tick = 0;
  for (int round = 0; round < 40; ++round) {
    TimePoint start = now();
    for (const double v : values) static_cast<void>(detector.tick(v, 100, tick_time(tick++)));
    best = std::min(best, seconds(now() - start) / 10'000 * 1e9);
    start = now();
    for (const double v : values) static_cast<void>(crossing.tick(v, 1.0, tick_time(tick++)));
    best_crossing = std::min(best_crossing, seconds(now() - start) / 10'000 * 1e9);
  }
  report.bar("anomaly.cost.point_ns", {best, best, best}, Aim::kAtMost, 300,
             "a point of one series, best of 40 rounds");
  report.bar("anomaly.cost.crossing_ns", {best_crossing, best_crossing, best_crossing},
             Aim::kAtMost, 300, "the same, of a limit's forecast");
}

}  // namespace

void run_common_cause(Report& report) {
  const Options& options = report.options();
  const auto share = [](double part, double whole) { return whole > 0.0 ? part / whole : 0.0; };
  std::vector<double> blamed;
  std::vector<double> events;
  std::vector<double> found;
  std::vector<double> wrong;
  for (const Blame& b :
       for_each_seed<Blame>(options, [](std::uint64_t seed) { return blame_of(seed, true); })) {
    blamed.push_back(share(b.blamed, b.incidents));
    events.push_back(share(b.events, b.incidents));
  }
  for (const Blame& b :
       for_each_seed<Blame>(options, [](std::uint64_t seed) { return blame_of(seed, false); })) {
    found.push_back(share(b.right, b.incidents));
    wrong.push_back(share(b.blamed - b.right, b.incidents));
  }
  report.bar("anomaly.common.blamed", mean_over_seeds(blamed, options.seed), Aim::kAtMost, 0.01,
             "upstreams blamed per incident that all five shared");
  report.bar("anomaly.common.events", mean_over_seeds(events, options.seed), Aim::kAtLeast, 0.95,
             "common events per such incident");
  report.bar("anomaly.own.found", mean_over_seeds(found, options.seed), Aim::kAtLeast, 0.95,
             "incidents of one upstream for which it was blamed");
  report.bar("anomaly.own.wrong", mean_over_seeds(wrong, options.seed), Aim::kAtMost, 0.05,
             "others blamed per such incident");
}

void run_anomaly(Report& report) {
  report.section(
      "Anomalies",
      "A latency series with ten per cent of lognormal noise, autocorrelation 0.6, a day's wave of "
      "four deviations and the block's phase, in ticks of 10 s. Shifts are given in deviations of "
      "the innovation, which is what is left when the autocorrelation is taken out. The rivals are "
      "handed that innovation and are set to the same number of false alarms; ours has to find it "
      "out.");
  run_clean_and_delays(report);
  run_other_series(report);
  run_common_cause(report);
  run_crossings(report);
  run_cost(report);
}

}  // namespace sluice::sim
