// SPDX-License-Identifier: Apache-2.0
// A node's capacity halves and comes back while more is offered than it can do.
#include <cmath>

#include <fmt/format.h>

#include "sim/tail/scenes.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint32_t kPlaces = 32;
constexpr Duration kDelay = 500us;
constexpr Duration kQuiet = 10s;
constexpr Duration kHalved = 25s;
constexpr Duration kBack = 45s;
constexpr Duration kTime = 65s;

enum class Step : std::uint8_t { kOfPlaces, kOfSpeed };

DeskResult steps(std::uint64_t seed, std::uint32_t workers, Step step) {
  DeskOptions desk;
  desk.seed = seed;
  desk.workers = workers;
  desk.nodes.assign(1, {.workers = kPlaces, .network_delay = kDelay});
  desk.methods = {{.share = 0.5, .median_s = 0.003, .size_sigma = 0.35, .luck_sigma = 0.35},
                  {.share = 0.4, .median_s = 0.010, .size_sigma = 0.35, .luck_sigma = 0.35},
                  {.share = 0.1, .median_s = 0.080, .size_sigma = 0.35, .luck_sigma = 0.35}};
  const double full = kPlaces / mean_service_s(desk.methods);
  desk.rate = [full](Duration at) { return full * (at < kQuiet ? 0.4 : 1.5); };
  desk.time = kTime;
  desk.script = [step](Engine& engine, auto& nodes) {
    const auto set = [&engine, &nodes, step](Duration when, bool halved) {
      engine.at(Engine::kStart + when, [&nodes, step, halved] {
        if (step == Step::kOfPlaces) {
          nodes[0]->set_workers(halved ? kPlaces / 2 : kPlaces);
        } else {
          nodes[0]->set_slowness(halved ? 2.0 : 1.0);
        }
      });
    };
    set(kHalved, true);
    set(kBack, false);
  };
  return Desk(desk).run();
}

/// Seconds from `from` until the mean of two seconds is within a fifth of `optimum` and stays there
/// until `to`.
double settled_s(const std::vector<std::uint32_t>& limits, Duration from, Duration to,
                 double optimum) {
  const auto tick = [](Duration at) { return static_cast<std::size_t>(at / 100ms); };
  double settled = 0;
  for (std::size_t i = tick(from); i + 20 <= tick(to); ++i) {
    double sum = 0;
    for (std::size_t j = i; j < i + 20; ++j) sum += limits[j];
    if (std::abs(sum / 20 / optimum - 1) > 0.2) {
      settled = static_cast<double>(i + 1 - tick(from)) * 0.1;
    }
  }
  return settled;
}

}  // namespace

void run_limit(Report& report) {
  report.paragraph(
      "**Limit.** A node of 32 places is offered 1.5 times what it can do; then it has half of the "
      "places, or takes twice as long, for 20 s. The optimum is as many calls as it works on at "
      "once and as are on the wire meanwhile: with fewer it idles, with more they only queue.");
  const Options& options = report.options();
  for (const auto step : {Step::kOfPlaces, Step::kOfSpeed}) {
    const char* name = step == Step::kOfPlaces ? "places" : "speed";
    const double wire = 1.0 + seconds(kDelay) / 0.0165;
    const double full = kPlaces * wire;
    const double low = step == Step::kOfPlaces ? full / 2 : full;
    Plot plot{.title = fmt::format("Limit, {} halved", name), .x_label = "s", .y_label = "calls"};
    for (const std::uint32_t workers : {1U, 4U}) {
      const auto down = for_each_seed<std::vector<double>>(options, [&](std::uint64_t seed) {
        const DeskResult result = steps(seed, workers, step);
        std::vector<double> times{settled_s(result.limits, kHalved, kBack, low),
                                  settled_s(result.limits, kBack, kTime, full),
                                  settled_s(result.limits, kQuiet, kHalved, full)};
        for (const std::uint32_t limit : result.limits) times.push_back(limit);
        return times;
      });
      const auto pick = [&](std::size_t i) {
        std::vector<double> values;
        for (const auto& times : down) values.push_back(times[i]);
        return mean_over_seeds(values, options.seed);
      };
      const std::string id = fmt::format("tail.limit.{}.{}w.", name, workers);
      report.bar(id + "first", pick(2), Aim::kAtMost, 5, "seconds from the quiet to the optimum");
      report.bar(id + "down", pick(0), Aim::kAtMost, 5, "seconds to the optimum after the halving");
      report.bar(id + "up", pick(1), Aim::kAtMost, 5, "seconds to the optimum after the doubling");
      Plot::Series series{.name = fmt::format("{} workers", workers), .x = {}, .y = {}};
      for (std::size_t i = 3; i < down[0].size(); ++i) {
        series.x.push_back(0.1 * static_cast<double>(i - 3));
        series.y.push_back(down[0][i]);
      }
      plot.series.push_back(std::move(series));
    }
    report.plot(fmt::format("tail_limit_{}", name), plot);
  }
}

}  // namespace sluice::sim
