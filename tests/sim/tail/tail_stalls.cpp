// SPDX-License-Identifier: Apache-2.0
// One of eight nodes stalls for two seconds twice a minute: what second attempts are worth.
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "sim/tail/scenes.hpp"

namespace sluice::sim {

std::vector<double> served_times(const DeskResult& result, Duration from, Duration to,
                                 bool critical_only) {
  std::vector<double> times;
  for (const Fate& fate : result.calls) {
    if (!fate.served || fate.at < from || fate.at >= to) continue;
    if (critical_only && !fate.critical) continue;
    times.push_back(seconds(fate.took));
  }
  return times;
}

double served_share(const DeskResult& result, Duration from, Duration to, bool critical_only) {
  double served = 0;
  double all = 0;
  for (const Fate& fate : result.calls) {
    if (fate.at < from || fate.at >= to || (critical_only && !fate.critical)) continue;
    all += 1;
    served += fate.served ? 1 : 0;
  }
  return all > 0 ? served / all : 0.0;
}

double mean_service_s(const std::vector<MethodMix>& methods) {
  double mean = 0;
  for (const MethodMix& m : methods) {
    mean += m.share * m.median_s *
            std::exp((m.size_sigma * m.size_sigma + m.luck_sigma * m.luck_sigma) / 2);
  }
  return mean;
}

namespace {

constexpr std::uint32_t kNodes = 8;
constexpr std::uint32_t kPlaces = 4;

struct Run {
  double p99 = 0;
  double p999 = 0;
  double p9999 = 0;
  double extra = 0;
  double goodput = 0;
  double faults = 0;
};

struct Setup {
  const char* name;
  Hedging hedging;
  bool plain;  ///< a pool and a first-in-first-out queue before it, no adaptive limit
};
constexpr std::array kSetups{Setup{"no hedge", Hedging::kOff, false},
                             Setup{"sluice", Hedging::kSluice, false},
                             Setup{"plain, no hedge", Hedging::kOff, true},
                             Setup{"plain, p95 without budget", Hedging::kUnbudgeted, true}};

Run stalls(const Options& options, std::uint64_t seed, std::uint32_t workers, double load,
           Picking picking, const Setup& setup) {
  DeskOptions desk;
  desk.seed = seed;
  desk.workers = workers;
  desk.nodes.assign(kNodes, {.workers = kPlaces, .network_delay = 500us});
  desk.methods = {{.median_s = 0.008}};
  const double rate = load * kNodes * kPlaces / mean_service_s(desk.methods);
  desk.rate = [rate](Duration) { return rate; };
  desk.time = options.full ? 120s : 45s;
  desk.picking = picking;
  desk.hedging = setup.hedging;
  desk.deadline = load > 0.9 ? 1s : 5s;
  if (setup.plain) {
    desk.waiting = Waiting::kFifo;
    desk.limiting = Limiting::kFixed;
  }
  desk.script = [](Engine& engine, auto& nodes) {
    for (int i = 0; i < 4; ++i) {
      engine.after(std::chrono::seconds(13 + 30 * i),
                   [&engine, &nodes] { nodes[3]->set({.stalled_until = engine.now() + 2s}); });
    }
  };
  const Duration warm = 10s;
  const DeskResult result = Desk(desk).run();
  auto times = served_times(result, warm, desk.time);
  return {.p99 = quantile(times, 0.99),
          .p999 = quantile(times, 0.999),
          .p9999 = quantile(times, 0.9999),
          .extra = static_cast<double>(result.hedges) / static_cast<double>(result.calls.size()),
          .goodput = served_share(result, warm, desk.time),
          .faults = static_cast<double>(result.after_deadline + result.twice)};
}

std::vector<double> column(const std::vector<Run>& runs, double Run::* of) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(run.*of);
  return values;
}

class Stalls {
 public:
  explicit Stalls(Report& report) : report_(report), options_(report.options()) {}

  void scene(std::uint32_t workers, Picking picking, double load) {
    const bool robin = picking == Picking::kRoundRobin;
    name_ = fmt::format("{}.{}w", robin ? "rr" : "least", workers);
    by_.clear();
    for (const Setup& setup : kSetups) {
      // Whoever has one queue and no budgets does not care how many workers there are.
      if (setup.plain && (workers > 1 || robin || load < 0.9)) continue;
      by_.push_back(for_each_seed<Run>(options_, [&](std::uint64_t seed) {
        return stalls(options_, seed, workers, load, picking, setup);
      }));
      rows_.push_back({name_, figure(load), setup.name,
                       figure(1e3 * mean(column(by_.back(), &Run::p99))),
                       figure(1e3 * mean(column(by_.back(), &Run::p999))),
                       figure(1e3 * mean(column(by_.back(), &Run::p9999))),
                       figure(100 * mean(column(by_.back(), &Run::extra))),
                       figure(100 * mean(column(by_.back(), &Run::goodput)))});
    }
    if (load < 0.9) {
      // Of least-in-flight's calls so few meet the stall that only a higher quantile knows of it.
      report_.bar((robin ? "tail.stall.p999." : "tail.stall.p9999.") + name_,
                  ratio(1, 0, robin ? &Run::p999 : &Run::p9999), Aim::kAtMost, 0.35,
                  "the tail with hedging against without, load 0.5");
      report_.bar("tail.stall.extra." + name_,
                  mean_over_seeds(column(by_[1], &Run::extra), options_.seed), Aim::kAtMost, 0.025,
                  "second attempts as a share of calls, load 0.5");
    } else {
      report_.bar("tail.stall.goodput." + name_, ratio(1, 0, &Run::goodput), Aim::kAtLeast, 0.99,
                  "calls served with hedging against without, load 0.95");
      if (by_.size() < kSetups.size()) return;
      report_.bar("tail.stall.unbudgeted." + name_, ratio(3, 2, &Run::goodput), Aim::kAtMost, 0.99,
                  "the same for p95 hedging without a budget: the scene is hard enough");
      report_.bar("tail.stall.unbudgeted_p99." + name_, ratio(3, 2, &Run::p99), Aim::kAtLeast, 1.2,
                  "its p99 against that without hedging");
    }
  }

  void table() {
    report_.table({"balancer, workers", "load", "hedging", "p99 ms", "p99.9 ms", "p99.99 ms",
                   "extra %", "served %"},
                  rows_);
  }

 private:
  [[nodiscard]] Estimate ratio(std::size_t a, std::size_t b, double Run::* of) const {
    return ratio_over_seeds(column(by_[a], of), column(by_[b], of), options_.seed);
  }

  Report& report_;
  const Options& options_;
  std::string name_;
  std::vector<std::vector<Run>> by_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace

void run_stalls(Report& report) {
  report.paragraph(
      "**Stalls.** One of eight nodes stands still for 2 s every 30 s. Load 0.5 and 0.95; round "
      "robin sends it calls until its pool is full, least-in-flight a few.");
  Stalls stalls(report);
  for (const std::uint32_t workers : {1U, 4U}) {
    for (const auto picking : {Picking::kRoundRobin, Picking::kLeastInFlight}) {
      for (const double load : {0.5, 0.95}) stalls.scene(workers, picking, load);
    }
  }
  stalls.table();
}

}  // namespace sluice::sim
