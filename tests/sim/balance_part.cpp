// SPDX-License-Identifier: Apache-2.0
// Balancing: the strategies against the usual ones, a random choice and one that knows all.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/fleet/contest.hpp"
#include "sim/fleet/workloads.hpp"
#include "sim/parts.hpp"

namespace sluice::sim {

namespace {

constexpr const char* kOurs = "adaptive";

std::uint64_t calls(const Report& report, std::uint64_t brief) {
  return report.options().full ? brief * 2 : brief;
}

std::vector<Contestant> field() {
  return {strategy("round-robin"),
          strategy("least-connections"),
          strategy("p2c"),
          strategy("peak-ewma"),
          c3(),
          c3_ranking(),
          strategy("adaptive"),
          random_by_speed(),
          clairvoyant()};
}

const std::vector<std::string> kBaselines = {"round-robin", "least-connections", "p2c", "peak-ewma",
                                             "c3",          "c3-ranking"};

/// The greater one, for a bar that is to hold in several places.
Estimate worse(const Estimate& a, const Estimate& b) {
  return a.value >= b.value ? a : b;
}

void equal(Report& report) {
  report.section("Equal upstreams",
                 "8 equal upstreams, lognormal service times: nothing can be won against the "
                 "fewest calls in flight, and nothing is to be lost.");
  Plot plot{.title = "8 equal upstreams, p99",
            .x_label = "load",
            .y_label = "ms",
            .log_y = true,
            .series = {}};
  const std::vector<Contestant> names = {strategy("round-robin"),
                                         strategy("least-connections"),
                                         strategy("p2c"),
                                         strategy("peak-ewma"),
                                         c3_ranking(),
                                         strategy("adaptive")};
  for (const Contestant& each : names) plot.series.push_back({each.name, {}, {}});
  for (const double load : {0.5, 0.7, 0.85, 0.95}) {
    const Contest contest(report.options(), equal_upstreams(load, calls(report, 60'000)), names);
    const auto percent = static_cast<int>(load * 100);
    report.paragraph(fmt::format("Load {}:", load));
    contest.table(report);
    report.bar(fmt::format("balance.equal.l{}.p99", percent),
               contest.ratio(&Figures::p99_s, kOurs, "least-connections"), Aim::kAtMost, 1.03,
               "p99 against the fewest in flight");
    report.bar(fmt::format("balance.equal.l{}.mean", percent),
               contest.ratio(&Figures::mean_s, kOurs, "least-connections"), Aim::kAtMost, 1.03,
               "mean against the fewest in flight");
    for (auto& series : plot.series) {
      series.x.push_back(load);
      series.y.push_back(mean(contest.of(series.name).p99_s) * 1e3);
    }
  }
  report.plot("balance_equal", plot);
}

void speeds(Report& report) {
  report.section("Mixed speeds",
                 "Speeds 1, 1, 1, 2, 2, 4, 4 and 10 at load 0.7. The random choice is made in "
                 "proportion to the speeds; an even one is not stable here.");
  const Contest contest(report.options(), mixed_speeds(0.7, calls(report, 40'000)), field());
  contest.table(report);
  std::vector<double> closed;
  const auto& random = contest.of("random by speed").p99_s;
  const auto& own = contest.of(kOurs).p99_s;
  const auto& best = contest.of("clairvoyant").p99_s;
  for (std::size_t i = 0; i < own.size(); ++i)
    closed.push_back((random[i] - own[i]) / (random[i] - best[i]));
  report.bar("balance.speeds.gap", mean_over_seeds(closed, report.options().seed), Aim::kAtLeast,
             0.6, "share of the gap in p99 from random to clairvoyant");
}

void slow(Report& report) {
  report.section("One slow upstream",
                 "10 upstreams, one 10 times slower; at load 0.1, where it can just bear its turn "
                 "in a round robin, and at 0.7, where it cannot.");
  for (const double load : {0.1, 0.7}) {
    const Contest contest(report.options(), one_slow(load, calls(report, 60'000)), field());
    const auto percent = static_cast<int>(load * 100);
    report.paragraph(fmt::format("Load {}:", load));
    contest.table(report);
    report.bar(fmt::format("balance.slow.l{}.rr", percent),
               contest.ratio(&Figures::p999_s, kOurs, "round-robin"), Aim::kAtMost, 0.15,
               "p99.9 against round robin");
    report.bar(fmt::format("balance.slow.l{}.peak", percent),
               contest.ratio(&Figures::p999_s, kOurs, "peak-ewma"), Aim::kAtMost, 1.0,
               "p99.9 against peak-EWMA");
  }
}

void closed(Report& report) {
  report.section("Closed loop",
                 "50 calls at a time, 50,000 in all, on upstreams that take up to 1, 4 x 10, "
                 "4 x 100 and 1000 ms and do not queue.");
  const Contest contest(report.options(), closed_loop(50'000), field());
  contest.table(report);
  report.bar("balance.closed.rr", contest.ratio(&Figures::p999_s, kOurs, "round-robin"),
             Aim::kAtMost, 0.15, "p99.9 against round robin");
  report.bar("balance.closed.peak", contest.ratio(&Figures::p999_s, kOurs, "peak-ewma"),
             Aim::kAtMost, 1.0, "p99.9 against peak-EWMA");
}

void restless_speeds(Report& report) {
  report.section("Restless speeds",
                 "50 upstreams whose speed is redrawn within a factor of 5 every T on average, "
                 "three of them for each call. One proxy. C3's rate control was made for many "
                 "clients that each send little, so its ranking alone is shown beside it.");
  const bool full = report.options().full;
  const std::vector<int> periods =
      full ? std::vector{10, 50, 100, 200, 300, 500} : std::vector{10, 50, 200};
  const std::vector<double> loads = full ? std::vector{0.45, 0.7, 0.9} : std::vector{0.7};
  Estimate slowly{}, quickly{}, slowly_ranking{}, quickly_ranking{};
  Plot plot{.title = "Restless speeds, p99 at load 0.7",
            .x_label = "T, ms",
            .y_label = "ms",
            .log_x = true,
            .series = {}};
  const std::vector<Contestant> names = {
      strategy("least-connections"), strategy("peak-ewma"), c3(), c3_ranking(),
      strategy("adaptive"),          clairvoyant()};
  for (const Contestant& each : names) {
    if (each.name != "c3") plot.series.push_back({each.name, {}, {}});
  }
  for (const double load : loads) {
    for (const int period : periods) {
      if (load != 0.7 && period != 50 && period != 200) continue;
      const Contest contest(
          report.options(),
          restless(load, std::chrono::milliseconds(period), calls(report, 100'000)), names);
      report.paragraph(fmt::format("T {} ms, load {}:", period, load));
      contest.table(report);
      const Estimate all = contest.ratio(&Figures::p99_s, kOurs, "c3");
      const Estimate ranking = contest.ratio(&Figures::p99_s, kOurs, "c3-ranking");
      auto& to = period < 50 ? quickly : slowly;
      auto& to_ranking = period < 50 ? quickly_ranking : slowly_ranking;
      to = worse(to, all);
      to_ranking = worse(to_ranking, ranking);
      if (load != 0.7) continue;
      for (auto& series : plot.series) {
        series.x.push_back(period);
        series.y.push_back(mean(contest.of(series.name).p99_s) * 1e3);
      }
    }
  }
  report.bar("balance.restless.p99", slowly, Aim::kAtMost, 0.9, "p99 against C3, worst T >= 50 ms");
  report.bar("balance.restless.t10", quickly, Aim::kAtMost, 1.05, "p99 against C3, T = 10 ms");
  report.bar("balance.restless.ranking", slowly_ranking, Aim::kAtMost, 0.9,
             "p99 against C3's ranking without its rate control, worst T >= 50 ms");
  report.bar("balance.restless.ranking.t10", quickly_ranking, Aim::kAtMost, 1.05,
             "p99 against C3's ranking without its rate control, T = 10 ms");
  report.plot("balance_restless", plot);
}

void stalls(Report& report) {
  report.section("Stalls", "One of 8 stalls for 2 s every 30 s, at load 0.7.");
  const Contest contest(report.options(), stalling(0.7, calls(report, 60'000)), field());
  contest.table(report);
}

void mix(Report& report) {
  report.section(
      "Method mix",
      "chainId, call, getLogs and traces, from 0.2 to 500 ms; each of 8 upstreams is 6 "
      "times slower at one of them. Load is of what they do when nobody knows who is slow "
      "at what: at 0.7 everybody can bear it, at 1.3 only who knows. Sizes explain about half of a "
      "call's spread, and only `learned` "
      "looks at them.");
  auto names = field();
  names.push_back(strategy("learned"));
  for (const double load : {0.7, 1.3}) {
    const Contest contest(report.options(), method_mix(load, calls(report, 60'000)), names);
    const auto percent = static_cast<int>(load * 100);
    report.paragraph(fmt::format("Load {}:", load));
    contest.table(report);
    const std::string best = contest.best_p99(kBaselines);
    report.bar(fmt::format("balance.mix.l{}.p99", percent),
               contest.ratio(&Figures::p99_s, kOurs, best), Aim::kAtMost, 0.75,
               "p99 against the best of the others, " + best);
    report.bar(fmt::format("balance.mix.l{}.learned", percent),
               contest.ratio(&Figures::p99_s, "learned", kOurs), Aim::kAtMost, 0.95,
               "p99 of learned against adaptive");
    report.bar(fmt::format("balance.mix.l{}.learned.mean", percent),
               contest.ratio(&Figures::mean_s, "learned", kOurs), Aim::kAtMost, 1.0,
               "mean of learned against adaptive");
  }
}

void sink(Report& report) {
  report.section("Sink hole",
                 "One of 8 begins to answer half of its calls with an error in 0.2 ms.");
  constexpr double kBegins = 10;
  const Contest contest(
      report.options(), sink_hole(0.7, calls(report, 40'000)), field(), {},
      [](const Outcome& outcome) { return outcome.share_of(5, kBegins + 1, 1e9); });
  contest.table(report);
  std::vector<std::vector<std::string>> rows;
  for (const auto& name : contest.names())
    rows.push_back({name, fmt::format("{:.2f} %", mean(contest.of(name).extra) * 100)});
  report.table({"policy", "share of the bad one from 1 s on"}, rows);
  report.bar("balance.sink.share", mean_over_seeds(contest.of(kOurs).extra, report.options().seed),
             Aim::kAtMost, 0.02, "share of the calls to the bad upstream from 1 s on");
}

void herd(Report& report) {
  report.section("Herd", "1, 4 and 16 proxies that know nothing of each other, load 0.7.");
  struct Case {
    const char* id;
    Workload workload;
  };
  for (const Case& c :
       {Case{"speeds", mixed_speeds(0.7, calls(report, 40'000))},
        Case{"restless", restless(0.7, std::chrono::milliseconds(100), calls(report, 100'000))}}) {
    const std::vector<Contestant> names = {strategy("least-connections"), strategy("p2c"),
                                           strategy("peak-ewma"), c3_ranking(),
                                           strategy("adaptive")};
    std::vector<double> alone;
    for (const std::uint32_t proxies : {1U, 4U, 16U}) {
      const Contest contest(report.options(), c.workload, names,
                            {.proxies = proxies, .workers = 1});
      report.paragraph(fmt::format("{}, {} proxies:", c.id, proxies));
      contest.table(report);
      const auto& p99 = contest.of(kOurs).p99_s;
      if (proxies == 1) alone = p99;
      if (proxies == 16) {
        report.bar(fmt::format("balance.herd.{}", c.id),
                   ratio_over_seeds(p99, alone, report.options().seed), Aim::kAtMost, 1.25,
                   "p99 of 16 proxies against one");
      }
    }
  }
}

}  // namespace

void run_balance(Report& report) {
  equal(report);
  speeds(report);
  slow(report);
  closed(report);
  restless_speeds(report);
  stalls(report);
  mix(report);
  sink(report);
  herd(report);
}

}  // namespace sluice::sim
