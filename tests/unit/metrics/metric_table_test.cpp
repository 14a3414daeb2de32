// SPDX-License-Identifier: Apache-2.0
#include "metrics/metric_table.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "unit/metrics/metrics_fixture.hpp"

using namespace sluice::metrics;

TEST_CASE("names follow Prometheus' rules") {
  std::set<std::string> names;
  for (const Metric& row : metric_table()) {
    const std::string name = row.full_name();
    CAPTURE(name);
    CHECK(names.insert(name).second);
    CHECK((name.starts_with("sluice_") || name.starts_with("process_")));
    CHECK(name.ends_with("_total") == (row.type == MetricType::kCounter));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    for (const char* unit : {"seconds", "bytes", "ratio"}) {
      CHECK(has(name, std::string("_") + unit) == (row.unit == unit));
    }
    CHECK(!row.help.empty());
    CHECK(row.help.back() == '.');
    CHECK(row.help.find_first_of("\n\\|") == std::string::npos);
    CHECK(!row.probe.empty());
    for (const std::string_view label : row.labels()) CHECK(label != "le");
  }
}

TEST_CASE("every row of the table is fed, by the one it names") {
  const auto shown = [](const std::string& page, const Metric& row) {
    return has(page, "# TYPE " + row.full_name() + " ");
  };
  Registry probes_only(1, test_sets());
  drive_every_probe(probes_only, probes_only.worker(0));
  const std::string without = probes_only.render();
  probes_only.add_collector(collect_everything);
  const std::string with = probes_only.render();
  for (const Metric& row : metric_table()) {
    CAPTURE(row.name);
    CHECK(shown(with, row));
    CHECK(shown(without, row) == (row.probe != kCollector));
  }
}

TEST_CASE("the reference is the one made from the table") {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/deploy/docs/metrics-reference.md";
  if (std::getenv("SLUICE_REGENERATE") != nullptr) std::ofstream(path) << reference_markdown();
  std::ifstream in(path);
  const std::string committed{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  INFO("to regenerate " << path << ": SLUICE_REGENERATE=1 unit_metrics");
  CHECK((committed == reference_markdown()));
}
