// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/statistics.hpp"

namespace sluice::sim {

struct Options {
  std::uint64_t seed = 1;
  std::uint32_t seeds = 20;
  /// The whole of it, against a short form that fits into CI.
  bool full = false;
  /// Where REPORT.md and its plots go; empty: nowhere.
  std::filesystem::path report_dir;
  /// Bars that are known to be missed, each with the reason: they do not make the run fail.
  std::map<std::string, std::string, std::less<>> known_misses;
};

enum class Aim : std::uint8_t { kAtMost, kAtLeast };

/// One bar: what was wanted and what came out.
struct Bar {
  std::string id;
  Aim aim = Aim::kAtMost;
  double target = 0;
  Estimate measured;
  std::string what;
  bool passed = false;
};

/// Curves or columns of one figure.
struct Plot {
  struct Series {
    std::string name;
    std::vector<double> x;
    std::vector<double> y;
  };
  std::string title;
  std::string x_label;
  std::string y_label;
  bool log_x = false;
  bool log_y = false;
  std::vector<Series> series;
};

/// Takes what the parts find out: prints each bar as it comes, and writes the report at the end.
/// One per process; main thread.
class Report {
 public:
  explicit Report(Options options) : options_(std::move(options)) {}

  [[nodiscard]] const Options& options() const noexcept { return options_; }

  /// Begins a part of the report.
  void section(std::string title, std::string text);
  void paragraph(std::string markdown);
  /// `what`: the measured thing and the command's unit in a few words. Prints
  /// `bar <id> <measured> <target> pass|fail`.
  void bar(std::string id, const Estimate& measured, Aim aim, double target, std::string what);
  void table(const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows);
  /// `name` is the file's, without its ending.
  void plot(const std::string& name, const Plot& plot);

  struct Counts {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t known = 0;  ///< missed, as is known
  };
  /// Writes REPORT.md.
  [[nodiscard]] Counts finish() const;

 private:
  void write(const Counts& counts) const;

  Options options_;
  std::string body_;
  std::vector<Bar> bars_;
};

/// `run` once for each seed, on both cores; the results stand in the order of the seeds.
template <class Result>
[[nodiscard]] std::vector<Result> for_each_seed(const Options& options,
                                                const std::function<Result(std::uint64_t)>& run);

void run_parallel(std::size_t count, const std::function<void(std::size_t)>& run);

template <class Result>
std::vector<Result> for_each_seed(const Options& options,
                                  const std::function<Result(std::uint64_t)>& run) {
  std::vector<Result> results(options.seeds);
  run_parallel(options.seeds, [&](std::size_t i) { results[i] = run(options.seed + i); });
  return results;
}

/// `0.734`, `12.3`, `1,234`: three digits that matter.
[[nodiscard]] std::string figure(double value);

}  // namespace sluice::sim
