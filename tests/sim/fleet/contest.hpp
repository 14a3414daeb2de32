// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/report.hpp"
#include "sim/fleet/run.hpp"

namespace sluice::sim {

/// What is kept of a run, by seed.
struct Figures {
  std::vector<double> p50_s;
  std::vector<double> mean_s;
  std::vector<double> p99_s;
  std::vector<double> p999_s;
  std::vector<double> goodput;  ///< good answers a second
  std::vector<double> extra;    ///< what the contest's own measure gave
};

/// One workload played by several policies on the same seeds.
class Contest {
 public:
  using Measure = std::function<double(const Outcome&)>;

  /// `measure`: another figure to take from each run.
  Contest(const Options& options, const Workload& workload,
          const std::vector<Contestant>& contestants, const Deployment& deployment = {},
          const Measure& measure = {});

  [[nodiscard]] const Figures& of(std::string_view name) const;
  /// The one with the least p99 of those named.
  [[nodiscard]] std::string best_p99(const std::vector<std::string>& names) const;
  /// Ratio of two contestants' figures.
  [[nodiscard]] Estimate ratio(std::vector<double> Figures::* figure, std::string_view a,
                               std::string_view b) const;
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// Milliseconds, means over the seeds.
  void table(Report& report) const;

 private:
  std::uint64_t seed_;
  std::vector<std::string> names_;
  std::vector<Figures> figures_;
};

}  // namespace sluice::sim
