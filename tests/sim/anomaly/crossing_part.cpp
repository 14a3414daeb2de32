// SPDX-License-Identifier: Apache-2.0
// Limits that will be reached: how many alerts were right, how many climbs were told, and how long
// before.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "policy/anomaly/crossing_forecast.hpp"
#include "sim/anomaly/anomaly_parts.hpp"
#include "sim/anomaly/labelled.hpp"
#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

constexpr double kLimit = 100.0;
constexpr std::size_t kAhead = 60;  // ten minutes
constexpr double kTwoPi = 6.283185307179586;

enum class Road : std::uint8_t { kClimb, kStops, kDay, kWalk, kFlat };
constexpr std::array<std::string_view, 5> kRoads{"climb", "stops", "day", "walk", "flat"};

/// A day of the quantity without its noise.
std::vector<double> road_of(Road road, Random& random) {
  std::vector<double> out;
  const auto start = 3000.0 + static_cast<double>(random.below(3000));
  const auto length = 90.0 + static_cast<double>(random.below(270));  // 15 to 60 minutes
  const double top = road == Road::kClimb ? 110.0 : 60.0 + 30.0 * random.uniform();
  const double phase = random.uniform();
  double level = 50.0;
  for (std::size_t i = 0; i < kTicksPerDay; ++i) {
    const auto t = static_cast<double>(i);
    switch (road) {
      case Road::kClimb:
      case Road::kStops:
        level = 40.0 + (top - 40.0) * std::clamp((t - start) / length, 0.0, 1.0);
        if (t > start + length + 360.0) level = 40.0;
        break;
      case Road::kDay:
        level = 55.0 + 35.0 * std::sin(kTwoPi * (t / static_cast<double>(kTicksPerDay) + phase));
        break;
      case Road::kWalk:
        level = std::clamp(level + 0.35 * normal(random), 10.0, 140.0);
        break;
      case Road::kFlat:
        level = 85.0;
        break;
    }
    out.push_back(level);
  }
  return out;
}

struct Tally {
  double right = 0.0;
  double wrong = 0.0;
  double crossings = 0.0;
  double told = 0.0;        ///< ahead of the crossing
  double told_early = 0.0;  ///< by three minutes at least
  std::vector<double> leads;
};

std::vector<std::size_t> crossings_of(const std::vector<double>& road) {
  std::vector<std::size_t> out;
  std::size_t quiet_from = 2 * kAhead;
  for (std::size_t i = 0; i < road.size(); ++i) {
    if (road[i] < kLimit) continue;
    if (i >= quiet_from) out.push_back(i);
    quiet_from = std::max(quiet_from, i + kAhead);
  }
  return out;
}

Tally tally_of(Road road, std::uint64_t seed) {
  Random random = derived(seed, 31, static_cast<std::uint64_t>(road));
  const std::vector<double> truth = road_of(road, random);
  policy::CrossingForecast forecast({});
  std::vector<std::size_t> alerts;
  double noise = 0.0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    noise = 0.6 * noise + 1.5 * normal(random);
    if (forecast.tick(truth[i] + noise, kLimit, tick_time(i))) alerts.push_back(i);
  }
  Tally tally;
  const auto crossings = crossings_of(truth);
  for (const std::size_t alert : alerts) {
    const bool right = std::ranges::any_of(
        crossings, [&](std::size_t c) { return c >= alert && c <= alert + kAhead; });
    (right ? tally.right : tally.wrong) += 1.0;
  }
  for (const std::size_t crossing : crossings) {
    tally.crossings += 1.0;
    const auto first = std::ranges::find_if(
        alerts, [&](std::size_t a) { return a <= crossing && a + kAhead + 30 >= crossing; });
    if (first == alerts.end()) continue;
    const auto lead = static_cast<double>(crossing - *first) / 6.0;
    tally.told += 1.0;
    tally.told_early += lead >= 3.0 ? 1.0 : 0.0;
    tally.leads.push_back(lead);
  }
  return tally;
}

}  // namespace

void run_crossings(Report& report) {
  const Options& options = report.options();
  const std::uint64_t each = options.full ? 20 : 15;
  std::vector<std::vector<std::string>> rows;
  std::vector<double> precision;
  std::vector<double> recall;
  std::vector<double> leads;
  const auto runs =
      for_each_seed<std::array<Tally, kRoads.size()>>(options, [&](std::uint64_t seed) {
        std::array<Tally, kRoads.size()> sums;
        for (std::size_t road = 0; road < kRoads.size(); ++road) {
          for (std::uint64_t i = 0; i < each; ++i) {
            const Tally one = tally_of(static_cast<Road>(road), seed * 1000 + i);
            Tally& sum = sums[road];
            sum.right += one.right;
            sum.wrong += one.wrong;
            sum.crossings += one.crossings;
            sum.told += one.told;
            sum.told_early += one.told_early;
            sum.leads.insert(sum.leads.end(), one.leads.begin(), one.leads.end());
          }
        }
        return sums;
      });
  for (const auto& sums : runs) {
    double right = 0.0;
    double all = 0.0;
    for (const Tally& sum : sums) {
      right += sum.right;
      all += sum.right + sum.wrong;
    }
    precision.push_back(all > 0.0 ? right / all : 0.0);
    recall.push_back(sums[0].told_early / sums[0].crossings);
    leads.push_back(median(sums[0].leads));
  }
  for (std::size_t road = 0; road < kRoads.size(); ++road) {
    Tally sum;
    for (const auto& sums : runs) {
      sum.right += sums[road].right;
      sum.wrong += sums[road].wrong;
      sum.crossings += sums[road].crossings;
      sum.told += sums[road].told;
    }
    rows.push_back({std::string(kRoads[road]), figure(sum.right), figure(sum.wrong),
                    figure(sum.crossings), figure(sum.told)});
  }
  report.bar("anomaly.predict.precision", mean_over_seeds(precision, options.seed), Aim::kAtLeast,
             0.8, "alerts followed by the crossing within ten minutes, all roads");
  report.bar("anomaly.predict.recall", mean_over_seeds(recall, options.seed), Aim::kAtLeast, 0.7,
             "climbs told at least three minutes ahead");
  report.bar("anomaly.predict.lead_min", mean_over_seeds(leads, options.seed), Aim::kAtLeast, 3.0,
             "median minutes ahead, climbs");
  report.table({"road", "alerts right", "wrong", "crossings", "told ahead"}, rows);
  report.paragraph("A random walk cannot be foretold, and the forecast hardly tries.");
}

}  // namespace sluice::sim
