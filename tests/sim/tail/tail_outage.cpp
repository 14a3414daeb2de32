// SPDX-License-Identifier: Apache-2.0
// All nodes are away for half a minute at load 0.9: what is sent meanwhile, and what comes after.
#include <array>

#include <fmt/format.h>

#include "sim/tail/scenes.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint32_t kNodes = 4;
constexpr std::uint32_t kPlaces = 4;
constexpr Duration kBegins = 10s;
constexpr Duration kEnds = 40s;
constexpr Duration kTime = 60s;

enum class Outage : std::uint8_t { kCrash, kErrors, kHang };
constexpr std::array kOutages{Outage::kCrash, Outage::kErrors, Outage::kHang};
constexpr std::array kOutageNames{"crash", "errors", "hang"};

struct Run {
  double amplification = 0;
  double recovery_s = 0;
  double after_deadline = 0;
  double twice = 0;
};

void play(Outage outage, Engine& engine, std::vector<std::unique_ptr<UpstreamModel>>& nodes) {
  engine.at(Engine::kStart + kBegins, [outage, &nodes] {
    Faults faults;
    faults.crashed = outage == Outage::kCrash;
    if (outage == Outage::kErrors) faults.error_share = 1, faults.error_time = 1ms;
    if (outage == Outage::kHang) faults.stalled_until = Engine::kStart + kEnds;
    for (auto& node : nodes) node->set(faults);
  });
  engine.at(Engine::kStart + kEnds, [&nodes] {
    for (auto& node : nodes) node->set({});
  });
}

/// Until what comes from then on is served as well and as fast as before the outage.
double recovery_s(const DeskResult& result) {
  auto before = served_times(result, 3s, kBegins);
  const double normal = quantile(before, 0.99);
  for (Duration at = kEnds; at < kTime; at += 500ms) {
    auto times = served_times(result, at, kTime);
    if (served_share(result, at, kTime) >= 0.98 && quantile(times, 0.99) <= 1.5 * normal) {
      return seconds(at - kEnds);
    }
  }
  return seconds(kTime - kEnds);
}

Run outage(std::uint64_t seed, std::uint32_t workers, Outage kind, bool naive) {
  DeskOptions desk;
  desk.seed = seed;
  desk.workers = workers;
  desk.nodes.assign(kNodes, {.workers = kPlaces, .network_delay = 500us});
  desk.methods = {{.share = 0.95, .median_s = 0.008},
                  {.share = 0.05, .median_s = 0.008, .resend = policy::Resend::kNever}};
  const double rate = 0.9 * kNodes * kPlaces / mean_service_s(desk.methods);
  desk.rate = [rate](Duration) { return rate; };
  desk.time = kTime;
  desk.attempt_timeout = 1s;
  desk.hedging = naive ? Hedging::kOff : Hedging::kSluice;
  if (naive) {
    desk.retrying = Retrying::kNaive;
    desk.waiting = Waiting::kFifo;
    desk.limiting = Limiting::kFixed;
  }
  desk.script = [kind](Engine& engine, auto& nodes) { play(kind, engine, nodes); };
  const DeskResult result = Desk(desk).run();
  double sent = 0;
  for (std::size_t s = 10; s < 40 && s < result.attempts_by_second.size(); ++s) {
    sent += static_cast<double>(result.attempts_by_second[s]);
  }
  double offered = 0;
  for (const Fate& fate : result.calls) offered += fate.at >= kBegins && fate.at < kEnds ? 1 : 0;
  return {.amplification = sent / offered,
          .recovery_s = recovery_s(result),
          .after_deadline = static_cast<double>(result.after_deadline),
          .twice = static_cast<double>(result.twice)};
}

}  // namespace

void run_outage(Report& report) {
  report.paragraph(
      "**Outage.** All four nodes refuse connections, answer errors at once, or hang, for 30 s at "
      "load 0.9; one call in twenty is a write. Naive is three retries at once whatever failed, "
      "without a budget.");
  const Options& options = report.options();
  std::vector<std::vector<std::string>> rows;
  double after_deadline = 0;
  double twice = 0;
  for (std::size_t k = 0; k < kOutages.size(); ++k) {
    const auto by_seed = [&](std::uint32_t workers, bool naive, std::string name) {
      const auto runs = for_each_seed<Run>(
          options, [&](std::uint64_t seed) { return outage(seed, workers, kOutages[k], naive); });
      std::vector<double> sent;
      std::vector<double> back;
      for (const Run& run : runs) {
        sent.push_back(run.amplification);
        back.push_back(run.recovery_s);
        if (naive) continue;
        after_deadline += run.after_deadline;
        twice += run.twice;
      }
      const Estimate amplification = mean_over_seeds(sent, options.seed);
      const Estimate recovery = mean_over_seeds(back, options.seed);
      rows.push_back({kOutageNames[k], name, figure(amplification.value), figure(recovery.value)});
      return std::pair(amplification, recovery);
    };
    for (const std::uint32_t workers : {1U, 4U}) {
      const std::string id = fmt::format("{}.{}w", kOutageNames[k], workers);
      const auto [sent, back] = by_seed(workers, false, fmt::format("sluice, {} workers", workers));
      report.bar("tail.outage.calls." + id, sent, Aim::kAtMost, 1.15,
                 "attempts during the outage to calls");
      report.bar("tail.outage.recovery." + id, back, Aim::kAtMost, 5.0,
                 "seconds until p99 and goodput are back");
    }
    const auto [sent, back] = by_seed(1, true, "naive");
    if (kOutages[k] == Outage::kErrors) {
      report.bar("tail.outage.naive", sent, Aim::kAtLeast, 3.0,
                 "attempts to calls with three naive retries: the scene is hard enough");
    }
  }
  report.bar("tail.outage.after_deadline", {after_deadline, after_deadline, after_deadline},
             Aim::kAtMost, 0, "attempts made after their call's deadline");
  report.bar("tail.outage.twice", {twice, twice, twice}, Aim::kAtMost, 0,
             "writes that may have run more than once");
  report.table({"outage", "policy", "attempts / calls", "recovery s"}, rows);
}

}  // namespace sluice::sim
