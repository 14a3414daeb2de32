// SPDX-License-Identifier: Apache-2.0
#include "config/load.hpp"

#include <utility>

#include <fmt/format.h>

#include "config/binder.hpp"
#include "config/cross_check.hpp"
#include "config/expand.hpp"
#include "config/overlay.hpp"
#include "config/yaml_reader.hpp"

namespace sluice::config {
namespace {

Origins origins_of(const Bound& bound, const Report& report) {
  Origins out;
  for (const auto& [path, mark] : bound.places.all()) {
    std::string text = report.source_name(mark.at.source);
    if (mark.at.line != 0) text += fmt::format(":{}", mark.at.line);
    if (mark.expanded) text += ", env";
    out.emplace(path, text);
    // A dump shows a chain at top level as the first of `chains`.
    if (bound.top_chain && !path.empty()) out.emplace("chains[0]." + path, std::move(text));
  }
  return out;
}

/// Everything after reading: the sources are in `report` in the same order.
Loaded build(const std::vector<Source>& sources, Report& report, const Overrides& overrides,
             const Environment& environment) {
  Node root{.kind = Node::Kind::kMap, .at = {0, sources.empty() ? 0 : 1, sources.empty() ? 0 : 1}};
  bool first = true;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    auto tree = read_yaml(i, sources[i].text, report);
    if (!tree) continue;
    if (std::exchange(first, false)) {
      root = *std::move(tree);
    } else {
      overlay(root, *std::move(tree));
    }
  }
  if (sources.empty()) report.add_source("command line");
  // A tree with holes would only lead to complaints about what stands in them.
  if (report.failed()) return {.config = {}, .diagnostics = report.take(), .origins = {}};
  overlay_command_line(root, overrides, report);
  expand(root, environment, report);
  Bound bound = bind(root, report);
  cross_check(bound, environment, report);
  Loaded loaded;
  const bool good = !report.failed();
  if (good) loaded.origins = origins_of(bound, report);
  loaded.diagnostics = report.take();
  if (good) loaded.config = std::move(bound.config);
  return loaded;
}

}  // namespace

Loaded load_sources(const std::vector<Source>& sources, const Overrides& overrides,
                    const Environment& environment) {
  Report report;
  for (const Source& source : sources) report.add_source(source.name);
  return build(sources, report, overrides, environment);
}

Loaded load(const std::vector<std::string>& paths, const Overrides& overrides,
            const Environment& environment) {
  Report report;
  std::vector<Source> sources;
  for (const std::string& path : paths) {
    const std::size_t index = report.add_source(path);
    auto text = environment.read_file(path);
    if (!text) report.error({index, 0, 0}, "cannot be read: " + text.error().detail);
    sources.push_back({path, text ? *std::move(text) : std::string{}});
  }
  return build(sources, report, overrides, environment);
}

}  // namespace sluice::config
