// SPDX-License-Identifier: Apache-2.0
#include "sim/fleet/contest.hpp"

#include <algorithm>
#include <stdexcept>

#include "sim/core/statistics.hpp"

namespace sluice::sim {

Contest::Contest(const Options& options, const Workload& workload,
                 const std::vector<Contestant>& contestants, const Deployment& deployment,
                 const Measure& measure)
    : seed_(options.seed), figures_(contestants.size()) {
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    names_.push_back(contestants[i].name);
    for (auto figure : {&Figures::p50_s, &Figures::mean_s, &Figures::p99_s, &Figures::p999_s,
                        &Figures::goodput, &Figures::extra})
      (figures_[i].*figure).resize(options.seeds);
  }
  run_parallel(contestants.size() * options.seeds, [&](std::size_t job) {
    const std::size_t i = job / options.seeds;
    const std::size_t k = job % options.seeds;
    const Outcome outcome = play(workload, contestants[i].make, deployment, options.seed + k);
    Figures& to = figures_[i];
    to.p50_s[k] = outcome.quantile_s(0.5);
    to.p99_s[k] = outcome.quantile_s(0.99);
    to.p999_s[k] = outcome.quantile_s(0.999);
    to.mean_s[k] = outcome.mean_s();
    to.goodput[k] = outcome.goodput();
    if (measure) to.extra[k] = measure(outcome);
  });
}

const Figures& Contest::of(std::string_view name) const {
  const auto at = std::ranges::find(names_, name);
  if (at == names_.end()) throw std::invalid_argument("no such contestant");
  return figures_[static_cast<std::size_t>(at - names_.begin())];
}

std::string Contest::best_p99(const std::vector<std::string>& names) const {
  return *std::ranges::min_element(names, {}, [this](const std::string& name) {
    return ratio_over_seeds(of(name).p99_s, of(names_.front()).p99_s, seed_).value;
  });
}

Estimate Contest::ratio(std::vector<double> Figures::* figure, std::string_view a,
                        std::string_view b) const {
  return ratio_over_seeds(of(a).*figure, of(b).*figure, seed_);
}

void Contest::table(Report& report) const {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const Figures& its = figures_[i];
    rows.push_back({names_[i], figure(mean(its.p50_s) * 1e3), figure(mean(its.mean_s) * 1e3),
                    figure(mean(its.p99_s) * 1e3), figure(mean(its.p999_s) * 1e3),
                    figure(mean(its.goodput))});
  }
  report.table({"policy", "p50 ms", "mean ms", "p99 ms", "p99.9 ms", "good/s"}, rows);
}

}  // namespace sluice::sim
