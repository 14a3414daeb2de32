// SPDX-License-Identifier: Apache-2.0
// Three times what the nodes can do, one call in ten critical.
#include <array>

#include <fmt/format.h>

#include "sim/tail/scenes.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint32_t kNodes = 2;
constexpr std::uint32_t kPlaces = 8;
constexpr Duration kQuiet = 10s;

struct Policy {
  const char* name;
  Waiting waiting;
  Limiting limiting;
  std::uint32_t workers;
  std::uint32_t pool_max;
};
constexpr std::array kPolicies{
    Policy{"sluice, 1 worker", Waiting::kSluice, Limiting::kSluice, 1, 64},
    Policy{"sluice, 4 workers", Waiting::kSluice, Limiting::kSluice, 4, 64},
    Policy{"unlimited FIFO", Waiting::kFifo, Limiting::kFixed, 1, 64},
    Policy{"fixed limit 64", Waiting::kNone, Limiting::kFixed, 1, 64},
    Policy{"fixed limit 1024", Waiting::kNone, Limiting::kFixed, 1, 1024},
    Policy{"Vegas", Waiting::kNone, Limiting::kVegas, 1, 1000},
    Policy{"Gradient2", Waiting::kNone, Limiting::kGradient2, 1, 200}};
constexpr std::size_t kOurs = 2;

struct Run {
  double goodput = 0;  ///< to capacity
  double p99 = 0;
  double critical = 0;
  double critical_p99 = 0;
  double after_deadline = 0;
};

DeskOptions desk_of(const Policy& policy, std::uint64_t seed) {
  DeskOptions desk;
  desk.seed = seed;
  desk.workers = policy.workers;
  desk.nodes.assign(kNodes, {.workers = kPlaces, .network_delay = 500us});
  desk.methods = {{.share = 0.3, .median_s = 0.0002, .size_sigma = 0.35, .luck_sigma = 0.35},
                  {.share = 0.6, .median_s = 0.003, .size_sigma = 0.35, .luck_sigma = 0.35},
                  {.share = 0.1, .median_s = 0.080, .size_sigma = 0.35, .luck_sigma = 0.35}};
  desk.critical_share = 0.1;
  desk.waiting = policy.waiting;
  desk.limiting = policy.limiting;
  desk.pool_max = policy.pool_max;
  return desk;
}

double capacity(const DeskOptions& desk) {
  return kNodes * kPlaces / mean_service_s(desk.methods);
}

Run overload(const Options& options, std::uint64_t seed, const Policy& policy) {
  DeskOptions desk = desk_of(policy, seed);
  const double full = capacity(desk);
  desk.rate = [full](Duration at) { return at < kQuiet ? full * 0.4 : full * 3; };
  desk.time = kQuiet + (options.full ? 60s : 20s);
  const DeskResult result = Desk(desk).run();
  auto times = served_times(result, kQuiet, desk.time);
  auto critical = served_times(result, kQuiet, desk.time, true);
  double served = 0;
  for (const Fate& fate : result.calls) {
    const Duration ended = fate.at + fate.took;
    served += fate.served && ended >= kQuiet && ended < desk.time ? 1 : 0;
  }
  return {.goodput = served / seconds(desk.time - kQuiet) / full,
          .p99 = quantile(times, 0.99),
          .critical = served_share(result, kQuiet, desk.time, true),
          .critical_p99 = quantile(critical, 0.99),
          .after_deadline = static_cast<double>(result.after_deadline)};
}

/// p99 where nobody waits for anybody.
double unloaded_p99(std::uint64_t seed) {
  DeskOptions desk = desk_of(kPolicies[0], seed);
  const double rate = 0.1 * capacity(desk);
  desk.rate = [rate](Duration) { return rate; };
  desk.time = 60s;
  auto times = served_times(Desk(desk).run(), 1s, desk.time);
  return quantile(times, 0.99);
}

std::vector<double> column(const std::vector<Run>& runs, double Run::* of) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(run.*of);
  return values;
}

}  // namespace

void run_overload(Report& report) {
  report.paragraph(
      "**Overload.** Three times what two nodes of eight places can do, deadlines of 2 s, one call "
      "in ten critical, light, middling and heavy methods mixed. The limits of others refuse what "
      "is beyond them, as their libraries do, with their defaults. The best of them is the one "
      "that serves most.");
  const Options& options = report.options();
  std::vector<std::vector<Run>> by;
  std::vector<std::vector<std::string>> rows;
  for (const Policy& policy : kPolicies) {
    by.push_back(for_each_seed<Run>(
        options, [&](std::uint64_t seed) { return overload(options, seed, policy); }));
    rows.push_back({policy.name, figure(mean(column(by.back(), &Run::goodput))),
                    figure(1e3 * mean(column(by.back(), &Run::p99))),
                    figure(100 * mean(column(by.back(), &Run::critical))),
                    figure(1e3 * mean(column(by.back(), &Run::critical_p99)))});
  }
  const auto unloaded = for_each_seed<double>(options, unloaded_p99);
  std::size_t best = kOurs;
  for (std::size_t i = kOurs; i < by.size(); ++i) {
    if (mean(column(by[i], &Run::goodput)) > mean(column(by[best], &Run::goodput))) best = i;
  }
  for (std::size_t i = 0; i < kOurs; ++i) {
    const std::string id = fmt::format(".{}w", kPolicies[i].workers);
    const auto bar = [&](const char* name, const Estimate& measured, Aim aim, double target,
                         const char* what) {
      report.bar(std::string("tail.overload.") + name + id, measured, aim, target, what);
    };
    bar("goodput", mean_over_seeds(column(by[i], &Run::goodput), options.seed), Aim::kAtLeast, 0.95,
        "calls served to what the nodes can do");
    bar("critical", mean_over_seeds(column(by[i], &Run::critical), options.seed), Aim::kAtLeast,
        0.999, "critical calls served");
    bar("critical_p99", ratio_over_seeds(column(by[i], &Run::critical_p99), unloaded, options.seed),
        Aim::kAtMost, 1.5, "p99 of critical calls to that of an idle system");
    bar("goodput_best",
        ratio_over_seeds(column(by[i], &Run::goodput), column(by[best], &Run::goodput),
                         options.seed),
        Aim::kAtLeast, 1.0, "calls served to those of the best baseline");
    bar("p99_best",
        ratio_over_seeds(column(by[i], &Run::p99), column(by[best], &Run::p99), options.seed),
        Aim::kAtMost, 0.8, "p99 of served calls to that of the best baseline");
    const double late = mean(column(by[i], &Run::after_deadline));
    bar("after_deadline", {late, late, late}, Aim::kAtMost, 0, "attempts after the deadline");
  }
  report.table({"policy", "served / capacity", "p99 ms", "critical served %", "critical p99 ms"},
               rows);
  report.paragraph(fmt::format("p99 of an idle system: {} ms. Best baseline: {}.",
                               figure(1e3 * mean(unloaded)), kPolicies[best].name));
}

}  // namespace sluice::sim
