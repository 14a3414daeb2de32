// SPDX-License-Identifier: Apache-2.0
// Is the simulator itself right? Queues whose waiting times are known from theory.
#include <cstdint>
#include <vector>

#include "sim/core/draw.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/upstream_model.hpp"
#include "sim/parts.hpp"

namespace sluice::sim {

namespace {

/// Mean time in the system of a queue with Poisson arrivals, exponential service of mean 1 ms and
/// `workers` servers.
double time_in_system_s(std::uint64_t seed, std::uint32_t workers, double load,
                        std::uint32_t calls) {
  Engine engine;
  UpstreamModel node(engine, 0, seed, {.workers = workers});
  Random arrivals = derived(seed, 1);
  TimePoint at = engine.now();
  double total = 0;
  std::uint32_t done = 0;
  for (std::uint32_t i = 0; i < calls; ++i) {
    at += from_seconds(exponential(arrivals) * 1e-3 / (load * workers));
    engine.at(at, [&, i] {
      Random own = derived(seed, 2, i);
      const TimePoint sent = engine.now();
      node.send(i, 0, exponential(own) * 1e-3, [&, sent](Reply) {
        total += seconds(engine.now() - sent);
        ++done;
      });
    });
  }
  engine.run_dry();
  return total / done;
}

}  // namespace

void run_core(Report& report) {
  report.section("The simulator itself",
                 "Queues whose mean time in the system is known: M/M/1 at load 0.5 takes twice the "
                 "service time, M/M/4 at load 0.8 takes 1.75 times (Erlang C).");
  const std::uint32_t calls = report.options().full ? 200'000 : 40'000;
  struct Case {
    const char* id;
    std::uint32_t workers;
    double load;
    double known;
  };
  for (const Case& c : {Case{"core.mm1", 1, 0.5, 2.0}, Case{"core.mm4", 4, 0.8, 1.7455}}) {
    const auto measured = for_each_seed<double>(report.options(), [&](std::uint64_t seed) {
      return time_in_system_s(seed, c.workers, c.load, calls) * 1e3 / c.known;
    });
    Estimate error = mean_over_seeds(measured, report.options().seed);
    error.value = error.value > 1 ? error.value : 1 / error.value;
    report.bar(c.id, error, Aim::kAtMost, 1.03, "mean time in the system against theory");
  }
}

}  // namespace sluice::sim
