// SPDX-License-Identifier: Apache-2.0
// How many connections: the planner and each pool's dialling against fixed pools, HAProxy's purge,
// Envoy's preconnecting and a plain threshold, all on the same calls.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/parts.hpp"
#include "sim/pool/driver.hpp"
#include "sim/pool/policies.hpp"
#include "sim/pool/trace.hpp"

namespace sluice::sim {

namespace {

using pool::Load;
using pool::Outcome;
using pool::Policy;

constexpr double kServiceS = 0.05;
/// A pause shorter than this is worth keeping a connection through, for the clairvoyant.
constexpr Duration kWorth = std::chrono::seconds(30);

struct Contender {
  std::string name;
  std::uint32_t workers = 1;
  Duration idle_timeout = std::chrono::seconds(60);
  std::function<std::unique_ptr<Policy>()> make;
};

std::unique_ptr<Policy> planned(policy::ScaleMode mode, std::uint32_t workers) {
  return std::make_unique<pool::Planned>(policy::ScaleOptions{.mode = mode, .min = 2, .max = 512},
                                         workers);
}

/// Planned ones first, each followed by the plain threshold with as many workers.
std::vector<Contender> contenders(bool all) {
  using policy::ScaleMode;
  constexpr Duration kForever = Duration::max();
  std::vector<Contender> list;
  for (const std::uint32_t workers : {1U, 4U}) {
    const std::string of = workers == 1 ? "" : ", 4 workers";
    list.push_back({.name = "sized" + of, .workers = workers, .make = [workers] {
                      return planned(ScaleMode::kSized, workers);
                    }});
    list.push_back({.name = "threshold" + of, .workers = workers, .make = [workers] {
                      return planned(ScaleMode::kThreshold, workers);
                    }});
    list.push_back({.name = "plain threshold 80 %" + of, .workers = workers, .make = [] {
                      return std::make_unique<pool::Threshold>();
                    }});
  }
  if (!all) return list;
  for (const std::uint32_t size : {10U, 100U}) {
    list.push_back({.name = fmt::format("fixed {}", size),
                    .idle_timeout = kForever,
                    .make = [size] { return std::make_unique<pool::Fixed>(size); }});
  }
  list.push_back({.name = "HAProxy purge", .idle_timeout = kForever, .make = [] {
                    return std::make_unique<pool::Purge>();
                  }});
  list.push_back({.name = "Envoy preconnect 1.5", .idle_timeout = kForever, .make = [] {
                    return std::make_unique<pool::Preconnect>(1.5);
                  }});
  return list;
}

/// The outcomes of every contender and, last, of two clairvoyants: of 1 worker and of 4.
using Outcomes = std::vector<Outcome>;

Duration handshake_of(Duration rtt) {
  // One round trip for TCP, one for TLS 1.3, and a millisecond of arithmetic on both sides.
  return 2 * rtt + std::chrono::milliseconds(1);
}

Outcomes run_seed(std::uint64_t seed, const Load& load, Duration rtt,
                  const std::vector<Contender>& list) {
  const Duration handshake = handshake_of(rtt);
  Outcomes outcomes;
  const auto one = pool::make_trace(seed, load, rtt, kServiceS, 1);
  const auto four = pool::make_trace(seed, load, rtt, kServiceS, 4);
  for (const Contender& contender : list) {
    const auto policy = contender.make();
    outcomes.push_back(pool::run(contender.workers == 1 ? one : four, load,
                                 {.handshake = handshake,
                                  .idle_timeout = contender.idle_timeout,
                                  .workers = contender.workers},
                                 *policy));
  }
  outcomes.push_back(pool::clairvoyant(one, load, handshake, kWorth, 1));
  outcomes.push_back(pool::clairvoyant(four, load, handshake, kWorth, 4));
  return outcomes;
}

double sum(const std::vector<Outcomes>& runs, std::size_t who, double Outcome::* figure) {
  double total = 0;
  for (const auto& seed : runs) total += seed[who].*figure;
  return total / static_cast<double>(runs.size());
}

void show(Report& report, const std::string& title, const std::vector<Contender>& list,
          const std::vector<Outcomes>& runs) {
  std::vector<std::vector<std::string>> rows;
  const std::size_t least = list.size();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::size_t ideal = least + (list[i].workers == 1 ? 0 : 1);
    const double calls = sum(runs, i, &Outcome::calls);
    rows.push_back(
        {list[i].name, figure(100 * sum(runs, i, &Outcome::waited) / calls) + " %",
         figure(1e3 * sum(runs, i, &Outcome::wait_s) / calls) + " ms",
         figure(sum(runs, i, &Outcome::connection_s) / sum(runs, ideal, &Outcome::connection_s)),
         figure(sum(runs, i, &Outcome::handshakes) / sum(runs, ideal, &Outcome::handshakes)),
         figure(sum(runs, i, &Outcome::most_open)),
         figure(1e3 * sum(runs, i, &Outcome::p99_after_step_s)) + " ms"});
  }
  report.paragraph(title);
  report.table({"policy", "calls that waited", "mean wait", "connection-seconds", "handshakes",
                "most open", "p99 wait after the step"},
               rows);
}

/// Of one round trip, all loads together: by seed, the sum of a figure.
std::vector<double> totals(const std::vector<std::vector<Outcomes>>& by_load, std::size_t who,
                           double Outcome::* figure) {
  std::vector<double> totals(by_load.front().size());
  for (const auto& runs : by_load) {
    for (std::size_t seed = 0; seed < runs.size(); ++seed) totals[seed] += runs[seed][who].*figure;
  }
  return totals;
}

void judge(Report& report, int rtt_ms, const std::vector<Contender>& list,
           const std::vector<std::vector<Outcomes>>& by_load) {
  struct Judged {
    std::size_t who;
    const char* name;
  };
  const std::uint64_t seed = report.options().seed;
  for (const Judged& judged :
       {Judged{0, "sized"}, Judged{1, "threshold"}, Judged{3, "sized4"}, Judged{4, "threshold4"}}) {
    const bool four = list[judged.who].workers == 4;
    const std::size_t plain = four ? 5 : 2;
    const std::size_t ideal = list.size() + (four ? 1 : 0);
    const auto ratio = [&](double Outcome::* figure, std::size_t to) {
      return ratio_over_seeds(totals(by_load, judged.who, figure), totals(by_load, to, figure),
                              seed);
    };
    const auto id = [&](const char* what) {
      return fmt::format("pool.{}.{}.rtt{}", what, judged.name, rtt_ms);
    };
    report.bar(id("waits"), ratio(&Outcome::waited, plain), Aim::kAtMost, 0.2,
               "calls that found no idle connection, against a plain threshold of 80 %");
    report.bar(id("seconds"), ratio(&Outcome::connection_s, ideal), Aim::kAtMost, 1.15,
               "connection-seconds against the clairvoyant");
    report.bar(id("handshakes"), ratio(&Outcome::handshakes, ideal), Aim::kAtMost, 1.3,
               "handshakes against the clairvoyant");
    if (rtt_ms != 1) continue;
    std::vector<double> p99_ms;
    for (const Outcomes& run : by_load[1]) p99_ms.push_back(1e3 * run[judged.who].p99_after_step_s);
    report.bar(id("wait_ms"), mean_over_seeds(p99_ms, seed), Aim::kAtMost, 1.0,
               "p99 wait for a connection from 100 ms after the step x10 on, in ms");
  }
}

/// A concurrency limit of 40 that falls to 20 while the load wants 60: nothing may exceed it.
void judge_limit(Report& report) {
  const Load load = pool::loads(0.2)[1];
  const auto above = for_each_seed<double>(report.options(), [&](std::uint64_t seed) {
    const Duration rtt = std::chrono::milliseconds(1);
    pool::Planned policy({.mode = policy::ScaleMode::kSized, .min = 2, .max = 64}, 4);
    return pool::run(pool::make_trace(seed, load, rtt, kServiceS, 4), load,
                     {.handshake = handshake_of(rtt), .workers = 4, .max = 40, .max_later = 20},
                     policy)
        .above_cap;
  });
  report.bar("pool.above_limit", mean_over_seeds(above, report.options().seed), Aim::kAtMost, 0,
             "connections above the concurrency limit");
}

void draw(Report& report, const std::vector<Load>& loads, const std::vector<Contender>& list,
          const std::vector<std::vector<Outcomes>>& by_load) {
  Plot plot{.title = "Waiting against what is held open, round trip 80 ms",
            .x_label = "connection-seconds, of the clairvoyant's",
            .y_label = "calls that waited",
            .log_y = true,
            .series = {}};
  for (std::size_t who = 0; who < list.size(); ++who) {
    if (list[who].workers != 1 || list[who].name == "fixed 10") continue;
    Plot::Series series{.name = list[who].name, .x = {}, .y = {}};
    double waited = 0, calls = 0, open = 0, ideal = 0;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      waited += sum(by_load[i], who, &Outcome::waited);
      calls += sum(by_load[i], who, &Outcome::calls);
      open += sum(by_load[i], who, &Outcome::connection_s);
      ideal += sum(by_load[i], list.size(), &Outcome::connection_s);
    }
    series.x = {open / ideal, open / ideal * 1.01};
    series.y = {std::max(waited / calls, 1e-6), std::max(waited / calls, 1e-6)};
    plot.series.push_back(std::move(series));
  }
  report.plot("pool-frontier", plot);
}

}  // namespace

void run_pool(Report& report) {
  report.section(
      "Connections",
      "Calls arrive at random under a changing load and keep a connection for a round trip and a "
      "lognormal service time of 50 ms on average. Connection-seconds and handshakes are given as "
      "multiples of a clairvoyant's, which dials just in time, and keeps a connection through any "
      "pause shorter than 30 s.");
  const bool full = report.options().full;
  const std::vector<Contender> list = contenders(full);
  const std::vector<Load> loads = pool::loads(1.0);
  for (const int rtt_ms : full ? std::vector<int>{1, 20, 80} : std::vector<int>{1, 80}) {
    std::vector<std::vector<Outcomes>> by_load;
    for (const Load& load : loads) {
      by_load.push_back(for_each_seed<Outcomes>(report.options(), [&](std::uint64_t seed) {
        return run_seed(seed, load, std::chrono::milliseconds(rtt_ms), list);
      }));
      show(report, fmt::format("Load {}, round trip {} ms", load.name, rtt_ms), list,
           by_load.back());
    }
    judge(report, rtt_ms, list, by_load);
    if (full && rtt_ms == 80) draw(report, loads, list, by_load);
  }
  judge_limit(report);
}

}  // namespace sluice::sim
