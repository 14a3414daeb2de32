// SPDX-License-Identifier: Apache-2.0
// The policy simulator: `sluice_sim [--full] [--seed N] [--seeds N] [--report DIR]
// [--known-misses FILE] [PART…]`, or `sluice_sim rehearse …` (fleet/rehearsal.hpp).
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "sim/fleet/rehearsal.hpp"
#include "sim/parts.hpp"

namespace {

struct Part {
  std::string_view name;
  void (*run)(sluice::sim::Report&);
};

constexpr std::array kParts{
    Part{"core", sluice::sim::run_core},         Part{"health", sluice::sim::run_health},
    Part{"balance", sluice::sim::run_balance},   Part{"pool", sluice::sim::run_pool},
    Part{"forecast", sluice::sim::run_forecast}, Part{"tail", sluice::sim::run_tail},
    Part{"anomaly", sluice::sim::run_anomaly},
};

/// Lines of an id and the reason.
std::map<std::string, std::string, std::less<>> read_known_misses(const char* path) {
  std::map<std::string, std::string, std::less<>> misses;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const auto space = line.find(' ');
    if (line.starts_with('#') || space == std::string::npos) continue;
    misses[line.substr(0, space)] = line.substr(space + 1);
  }
  return misses;
}

int usage() {
  std::string names;
  for (const Part& part : kParts) names.append(" ").append(part.name);
  fmt::print(
      stderr,
      "usage: sluice_sim [--full] [--seed N] [--seeds N] [--report DIR] [PART...]\nparts:{}\n",
      names);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "rehearse")
    return sluice::sim::rehearse({argv + 2, argv + argc});
  sluice::sim::Options options;
  std::vector<std::string_view> wanted;
  bool seeds_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--full") {
      options.full = true;
    } else if (word == "--seed" && has_value) {
      options.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seeds" && has_value) {
      options.seeds = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
      seeds_given = true;
    } else if (word == "--known-misses" && has_value) {
      options.known_misses = read_known_misses(argv[++i]);
    } else if (word == "--report" && has_value) {
      options.report_dir = argv[++i];
    } else if (std::ranges::any_of(kParts, [&](const Part& p) { return p.name == word; })) {
      wanted.push_back(word);
    } else {
      return usage();
    }
  }
  if (!options.full && !seeds_given) options.seeds = 4;
  if (options.seeds == 0) return usage();
  fmt::print("seeds {} from {}, {} form\n", options.seeds, options.seed,
             options.full ? "full" : "short");
  sluice::sim::Report report(options);
  for (const Part& part : kParts) {
    if (wanted.empty() || std::ranges::find(wanted, part.name) != wanted.end()) part.run(report);
  }
  const auto counts = report.finish();
  if (counts.known > 0) fmt::print("{} missed as known\n", counts.known);
  fmt::print("{} passed, {} failed, 0 skipped\n", counts.passed, counts.failed);
  return counts.failed == 0 ? 0 : 1;
}
