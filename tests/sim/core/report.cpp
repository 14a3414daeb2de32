// SPDX-License-Identifier: Apache-2.0
#include "sim/core/report.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "sim/core/plot.hpp"

namespace sluice::sim {

namespace {

std::string row_of(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const auto& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

}  // namespace

std::string figure(double value) {
  const double size = std::fabs(value);
  if (size >= 1000) return fmt::format("{:.0f}", value);
  if (size >= 100) return fmt::format("{:.1f}", value);
  if (size >= 1) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3g}", value);
}

void Report::section(std::string title, std::string text) {
  body_ += "\n## " + std::move(title) + "\n\n" + std::move(text) + "\n";
}

void Report::paragraph(std::string markdown) {
  body_ += "\n" + std::move(markdown) + "\n";
}

void Report::bar(std::string id, const Estimate& measured, Aim aim, double target,
                 std::string what) {
  const bool passed = aim == Aim::kAtMost ? measured.value <= target : measured.value >= target;
  fmt::print("bar {} {} {}{} {}\n", id, figure(measured.value),
             aim == Aim::kAtMost ? "<=" : ">=", figure(target), passed ? "pass" : "fail");
  std::fflush(stdout);
  bars_.push_back({std::move(id), aim, target, measured, std::move(what), passed});
}

void Report::table(const std::vector<std::string>& head,
                   const std::vector<std::vector<std::string>>& rows) {
  body_ += "\n" + row_of(head) + row_of(std::vector<std::string>(head.size(), "---"));
  for (const auto& row : rows) body_ += row_of(row);
}

void Report::plot(const std::string& name, const Plot& plot) {
  if (options_.report_dir.empty()) return;
  std::filesystem::create_directories(options_.report_dir / "plots");
  std::ofstream(options_.report_dir / "plots" / (name + ".svg")) << svg(plot);
  body_ += fmt::format("\n![{}](plots/{}.svg)\n", plot.title, name);
}

Report::Counts Report::finish() const {
  Counts counts;
  for (const Bar& bar : bars_) {
    const bool known = options_.known_misses.contains(bar.id);
    ++(bar.passed ? counts.passed : known ? counts.known : counts.failed);
  }
  if (!options_.report_dir.empty()) write(counts);
  return counts;
}

void Report::write(const Counts& counts) const {
  std::string out = fmt::format(
      "# What the policies do on simulated time\n\n"
      "Made by `tests/sim/run.sh{}`; do not edit. The simulator links the policy classes of "
      "`src/policy`; figures are over {} seeds from {}, with the interval that holds the true one "
      "with 95 % confidence (bootstrap over seeds). `tests/sim/run.sh --full --seed N PART` "
      "repeats "
      "any line.\n\n{} bars, {} met, {} missed.\n\n",
      options_.full ? " --full" : " --report", options_.seeds, options_.seed, bars_.size(), counts.passed, counts.failed + counts.known);
  out += row_of({"bar", "measured", "95 %", "target", "", "what"}) +
         row_of({"---", "---:", "---", "---:", "---", "---"});
  for (const Bar& bar : bars_) {
    out += row_of({"`" + bar.id + "`", figure(bar.measured.value),
                   figure(bar.measured.low) + " to " + figure(bar.measured.high),
                   (bar.aim == Aim::kAtMost ? "<= " : ">= ") + figure(bar.target),
                   bar.passed ? "met" : "**missed**", bar.what});
  }
  out += "\n";
  for (const Bar& bar : bars_) {
    const auto known = options_.known_misses.find(bar.id);
    if (!bar.passed && known != options_.known_misses.end())
      out += fmt::format("- `{}` is missed: {}\n", bar.id, known->second);
  }
  std::filesystem::create_directories(options_.report_dir);
  std::ofstream(options_.report_dir / "REPORT.md") << out << body_;
}

void run_parallel(std::size_t count, const std::function<void(std::size_t)>& run) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) run(i);
  };
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < std::min<std::size_t>(cores, count); ++i) threads.emplace_back(work);
  work();
}

}  // namespace sluice::sim
