// SPDX-License-Identifier: Apache-2.0
// The series that are no lognormal latency: counts of failures, a rate, a high quantile of few
// samples, the distance to the head. All clean, with a day's wave in the traffic.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "policy/anomaly/series_detector.hpp"
#include "sim/anomaly/anomaly_parts.hpp"
#include "sim/anomaly/labelled.hpp"
#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

using policy::SeriesKind;

constexpr double kTwoPi = 6.283185307179586;

struct Point {
  double value;
  std::uint32_t samples;
};

double poisson(Random& random, double mean) {
  if (mean > 40.0) return std::max(0.0, std::round(mean + std::sqrt(mean) * normal(random)));
  const double end = std::exp(-mean);
  double count = 0.0;
  for (double product = open_uniform(random); product > end; product *= open_uniform(random)) {
    count += 1.0;
  }
  return count;
}

struct Source {
  std::string_view id;
  SeriesKind kind;
  Point (*draw)(Random&, double traffic);  ///< traffic: about 1
  std::string_view what;
};

Point failures(Random& random, double traffic, double calls, double share) {
  const double n = std::round(calls * traffic);
  return {std::min(1.0, poisson(random, n * share) / n), static_cast<std::uint32_t>(n)};
}

constexpr std::array kSources{
    Source{"failures_rare", SeriesKind::ratio,
           [](Random& r, double traffic) { return failures(r, traffic, 200.0, 0.001); },
           "one failure in 1,000 of 200 calls a tick"},
    Source{"failures", SeriesKind::ratio,
           [](Random& r, double traffic) { return failures(r, traffic, 500.0, 0.01); },
           "1 % failures of 500 calls a tick"},
    Source{"rate", SeriesKind::rate,
           [](Random& r, double traffic) {
             const double n = poisson(r, 300.0 * traffic);
             return Point{n / 10.0, static_cast<std::uint32_t>(n)};
           },
           "Poisson, 30 calls a second"},
    Source{"p99_of_30", SeriesKind::latency,
           [](Random& r, double) {
             double most = 0.0;
             for (int i = 0; i < 30; ++i) most = std::max(most, 0.05 * lognormal(r, 1.0));
             return Point{most, 30};
           },
           "the largest of 30 lognormal latencies a tick"},
    Source{"lag", SeriesKind::lag,
           [](Random& r, double) { return Point{r.uniform() < 0.05 ? 1.0 : 0.0, 100}; },
           "one block behind in every twentieth tick"},
};

}  // namespace

void run_other_series(Report& report) {
  const Options& options = report.options();
  constexpr std::size_t kDays = 7;
  for (std::size_t s = 0; s < kSources.size(); ++s) {
    const Source& source = kSources[s];
    const auto per_day = for_each_seed<double>(options, [&](std::uint64_t seed) {
      Random random = derived(seed, 61, s);
      policy::SeriesDetector detector({.kind = source.kind});
      double alarms = 0.0;
      for (std::size_t i = 0; i < kDays * kTicksPerDay; ++i) {
        const double day = static_cast<double>(i) / static_cast<double>(kTicksPerDay);
        const Point point = source.draw(random, 1.0 + 0.5 * std::sin(kTwoPi * day));
        if (detector.tick(point.value, point.samples, tick_time(i))) alarms += 1.0;
      }
      return alarms / static_cast<double>(kDays);
    });
    report.bar(fmt::format("anomaly.false_per_day.{}", source.id),
               mean_over_seeds(per_day, options.seed), Aim::kAtMost, 1.0,
               fmt::format("alarms per clean series and day: {}", source.what));
  }
}

}  // namespace sluice::sim
