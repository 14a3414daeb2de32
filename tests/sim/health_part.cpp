// SPDX-License-Identifier: Apache-2.0
// Health: how soon is a bad upstream left alone, how soon is a repaired one back, what did clients
// see meanwhile, and how often is a good one blamed?
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/health/false_alarms.hpp"
#include "sim/health/run.hpp"
#include "sim/parts.hpp"

namespace sluice::sim {

namespace {

using namespace health;

constexpr std::array kScripts = {Script::kCrash,     Script::kBlackHole, Script::kErrors30,
                                 Script::kOneMethod, Script::kSlow10,    Script::kFrozenHead,
                                 Script::kFlapping};

/// One row of the grid, over all seeds.
struct Cell {
  Scene scene;
  std::vector<Outcome> outcomes;

  [[nodiscard]] std::vector<double> each(double Outcome::* field) const {
    std::vector<double> values;
    for (const Outcome& outcome : outcomes) values.push_back(outcome.*field);
    return values;
  }
  [[nodiscard]] double share() const {
    double errors = 0;
    double calls = 0;
    for (const Outcome& outcome : outcomes) {
      errors += outcome.errors;
      calls += outcome.calls;
    }
    return calls > 0 ? errors / calls : 0;
  }
};

struct Load {
  double rate;
  std::vector<std::size_t> upstreams;
  std::uint32_t seeds;
  Duration before, fault, after;
};

std::vector<Load> loads(const Options& options) {
  if (options.full) {
    return {{1, {2, 3, 8}, options.seeds, 60s, 60s, 30s},
            {100, {2, 3, 8}, options.seeds, 20s, 30s, 20s},
            {5000, {2, 3, 8}, std::min(options.seeds, 5U), 6s, 12s, 8s}};
  }
  return {{1, {2, 3}, options.seeds, 60s, 60s, 30s},
          {100, {2, 3, 8}, options.seeds, 15s, 20s, 15s},
          {5000, {3}, 1, 4s, 4s, 6s}};
}

class HealthPart {
 public:
  explicit HealthPart(Report& report) : report_(report) {}

  void go() {
    grid();
    detection();
    returns();
    client_errors();
    one_method();
    quiet();
    probes();
    tables();
  }

 private:
  void grid() {
    for (const Load& load : loads(report_.options())) {
      for (const std::size_t upstreams : load.upstreams) {
        for (const Script script : kScripts) {
          for (std::size_t g = 0; g < kGuards; ++g) {
            for (const bool retries : {false, true}) add(load, upstreams, script, g, retries);
          }
        }
      }
    }
    std::vector<std::pair<std::size_t, std::size_t>> jobs;
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      for (std::size_t s = 0; s < cells_[c].outcomes.size(); ++s) jobs.emplace_back(c, s);
    }
    run_parallel(jobs.size(), [&](std::size_t i) {
      Cell& cell = cells_[jobs[i].first];
      const std::uint64_t seed = report_.options().seed + jobs[i].second;
      cell.outcomes[jobs[i].second] = Run(cell.scene, seed).go();
    });
  }

  void add(const Load& load, std::size_t upstreams, Script script, std::size_t guard,
           bool retries) {
    // A head that stands still needs two blocks to be seen, and does no harm that this counts.
    const bool frozen = script == Script::kFrozenHead;
    if (frozen && (guard != 0 || !retries || load.rate > 1000)) return;
    cells_.push_back({.scene = {.script = script,
                                .guard = static_cast<GuardKind>(guard),
                                .rate = load.rate,
                                .upstreams = upstreams,
                                .workers = load.rate > 1 ? 4U : 1U,
                                .retries = retries,
                                .before = frozen ? 60s : load.before,
                                .fault = frozen                        ? 60s
                                         : script == Script::kFlapping ? 2 * load.fault
                                                                       : load.fault,
                                .after = frozen ? 40s : load.after},
                      .outcomes = std::vector<Outcome>(load.seeds)});
  }

  template <class Wanted>
  [[nodiscard]] std::vector<const Cell*> cells(Wanted wanted) const {
    std::vector<const Cell*> found;
    for (const Cell& cell : cells_) {
      if (wanted(cell.scene)) found.push_back(&cell);
    }
    return found;
  }
  [[nodiscard]] std::vector<const Cell*> ours(Script script, double rate = 0) const {
    return cells([&](const Scene& scene) {
      return scene.guard == GuardKind::kOurs && scene.script == script && scene.retries &&
             (rate == 0 || scene.rate == rate);
    });
  }

  /// The worst of the cells, each by its mean over the seeds.
  template <class Measure>
  [[nodiscard]] Estimate worst(const std::vector<const Cell*>& cells, Measure measure) const {
    Estimate worst;
    for (const Cell* cell : cells) {
      std::vector<double> values;
      for (const Outcome& outcome : cell->outcomes) values.push_back(measure(outcome));
      const Estimate mean = mean_over_seeds(values, report_.options().seed);
      if (mean.value >= worst.value) worst = mean;
    }
    return worst;
  }

  void detection() {
    for (const double rate : {1.0, 100.0, 5000.0}) {
      report_.bar(fmt::format("health.crash.detect.r{:.0f}", rate),
                  worst(ours(Script::kCrash, rate),
                        [](const Outcome& o) {
                          return std::min(o.detected_calls / 5, o.detected_after_call_s);
                        }),
                  Aim::kAtMost, 1, "crash: calls / 5 or seconds, whichever is less");
      report_.bar(fmt::format("health.black_hole.detect.r{:.0f}", rate),
                  worst(ours(Script::kBlackHole, rate),
                        [](const Outcome& o) { return o.detected_after_call_s; }),
                  Aim::kAtMost, 2, "black hole: seconds from the first call swallowed");
    }
    report_.bar("health.errors30.detect.r100",
                worst(ours(Script::kErrors30, 100), [](const Outcome& o) { return o.detected_s; }),
                Aim::kAtMost, 2, "30 % errors at 100 calls/s: seconds");
    report_.bar("health.frozen.detect",
                worst(ours(Script::kFrozenHead), [](const Outcome& o) { return o.detected_s; }),
                Aim::kAtMost, 24, "frozen head: seconds (two slots)");
  }

  void returns() {
    for (const Script script : {Script::kCrash, Script::kBlackHole, Script::kErrors30,
                                Script::kSlow10, Script::kFrozenHead}) {
      report_.bar(fmt::format("health.return.{}", word(script)),
                  worst(ours(script), [](const Outcome& o) { return o.returned_s; }), Aim::kAtMost,
                  5, "seconds from the repair until it is in use again");
    }
  }

  /// Errors that clients saw, as a share of what they may see: a quarter of the best baseline's, or
  /// one in 10^5.
  void client_errors() {
    for (const bool retries : {false, true}) {
      for (const Script script : kScripts) {
        if (script == Script::kFrozenHead) continue;
        double worst_ratio = 0;
        double worst_share = 0;
        for (const Cell* own : cells([&](const Scene& s) {
               return s.guard == GuardKind::kOurs && s.script == script && s.retries == retries;
             })) {
          double best = 1;
          for (const Cell* other : cells([&](const Scene& s) {
                 return s.guard != GuardKind::kOurs && s.guard != GuardKind::kNone &&
                        s.script == script && s.retries == retries && s.rate == own->scene.rate &&
                        s.upstreams == own->scene.upstreams;
               })) {
            best = std::min(best, other->share());
          }
          worst_ratio = std::max(worst_ratio, own->share() / std::max(0.25 * best, 1e-5));
          worst_share = std::max(worst_share, own->share());
        }
        const char* name = retries ? "retries" : "no_retries";
        report_.bar(fmt::format("health.client_errors.{}.{}", word(script), name),
                    {worst_ratio, worst_ratio, worst_ratio}, Aim::kAtMost, 1,
                    "errors that clients saw against max(0.25 x the best baseline's, 1e-5)");
        if (retries) {
          report_.bar(fmt::format("health.client_errors.{}.share", word(script)),
                      {worst_share, worst_share, worst_share}, Aim::kAtMost, 1e-3,
                      "share of calls whose clients saw an error, with retries");
        }
      }
    }
  }

  void one_method() {
    report_.bar("health.one_method.others",
                worst(ours(Script::kOneMethod), [](const Outcome& o) { return o.others_blocked; }),
                Aim::kAtMost, 0, "share of time for which the good methods were kept away");
  }

  void quiet() {
    const bool full = report_.options().full;
    for (const double failing : {0.0, 0.01}) {
      for (const double rate : {1.0, 100.0, 5000.0}) {
        const auto outcomes =
            for_each_seed<QuietOutcome>(report_.options(), [&](std::uint64_t seed) {
              return run_quiet(
                  {.rate = rate, .failing = failing, .time = full ? Duration(12h) : Duration(1h)},
                  seed);
            });
        std::vector<double> per_week;
        double weeks = 0;
        for (const QuietOutcome& outcome : outcomes) {
          per_week.push_back(outcome.ejections / outcome.upstream_weeks);
          weeks += outcome.upstream_weeks;
        }
        report_.bar(fmt::format("health.false_ejections.r{:.0f}.e{:.0f}", rate, failing * 100),
                    mean_over_seeds(per_week, report_.options().seed), Aim::kAtMost, 1,
                    fmt::format("ejections per upstream-week of healthy traffic ({:.2f} simulated)",
                                weeks));
      }
    }
  }

  void probes() {
    const auto count = [&](double rate) {
      const auto by_seed = for_each_seed<double>(report_.options(), [&](std::uint64_t seed) {
        return Run({.script = Script::kNothing, .rate = rate, .before = 60s, .fault = 60s}, seed)
            .go()
            .probes;
      });
      return by_seed;
    };
    const auto busy = count(100);
    const auto idle = count(0.01);
    report_.bar("health.probes", ratio_over_seeds(busy, idle, report_.options().seed), Aim::kAtMost,
                0.5, "probes at 100 calls/s against those without traffic");
  }

  void tables() {
    std::vector<std::vector<std::string>> rows;
    for (const Cell& cell : cells_) {
      const auto mean_of = [&](double Outcome::* field) { return figure(mean(cell.each(field))); };
      rows.push_back({std::string(word(cell.scene.script)), std::string(word(cell.scene.guard)),
                      fmt::format("{:.0f}", cell.scene.rate),
                      fmt::format("{}", cell.scene.upstreams), cell.scene.retries ? "on" : "off",
                      mean_of(&Outcome::detected_s), mean_of(&Outcome::detected_calls),
                      mean_of(&Outcome::returned_s), mean_of(&Outcome::others_blocked),
                      figure(cell.share() * 100)});
    }
    report_.table({"script", "guard", "calls/s", "upstreams", "retries", "detected s", "calls",
                   "back s", "others kept away", "errors %"},
                  rows);
  }

  Report& report_;
  std::vector<Cell> cells_;
};

}  // namespace

void run_health(Report& report) {
  report.section(
      "Health, ejection and breakers",
      "One upstream fails in seven ways; what it costs clients, against Envoy's outlier detection, "
      "resilience4j's breaker and a breaker that counts 80 outcomes, each with its defaults. One "
      "worker at 1 call/s, four above. The balancer is least-connections. Baselines' workers share "
      "their state without delay; ours learn the monitor's verdicts from its tick.");
  HealthPart(report).go();
}

}  // namespace sluice::sim
