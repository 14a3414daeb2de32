// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "config/diagnostic.hpp"
#include "config/key.hpp"
#include "config/shape.hpp"
#include "config/tree.hpp"

namespace sluice::config {

/// Where what the operator wrote stands, by its path as the operator knows it:
/// `chains[0].upstreams[1].url`, or `upstreams[1].url` of a single chain at top level.
class Places {
 public:
  struct Mark {
    Position at;
    bool expanded = false;
    bool good = true;
  };
  void set(const std::string& path, const Node& node) { marks_[path] = {node.at, node.expanded}; }
  void set_wrong(const std::string& path) { marks_[path].good = false; }
  [[nodiscard]] bool has(std::string_view path) const { return marks_.find(path) != marks_.end(); }
  /// Whether a value stands there that was refused, so that the member behind it means nothing.
  [[nodiscard]] bool wrong(std::string_view path) const {
    const auto found = marks_.find(path);
    return found != marks_.end() && !found->second.good;
  }
  [[nodiscard]] bool expanded(std::string_view path) const {
    const auto found = marks_.find(path);
    return found != marks_.end() && found->second.expanded;
  }
  /// The position of the path, or of the nearest thing around it.
  [[nodiscard]] Position at(std::string_view path) const;
  [[nodiscard]] const std::map<std::string, Mark, std::less<>>& all() const { return marks_; }

 private:
  std::map<std::string, Mark, std::less<>> marks_;
};

/// A tree given types: what the checks across keys work on.
struct Bound {
  Config config;
  PerUpstream defaults;  // of the section `defaults`, by itself
  Places places;
  bool top_chain = false;  // the chain was written at top level

  /// `chains[2]`, or nothing for a chain at top level.
  [[nodiscard]] std::string chain_path(std::size_t index) const;
};

/// Walks the tree along the table: unknown keys, types, units, bounds and required keys are judged
/// here, and defaults and inheritance filled in. Everything that is wrong goes to `report`; the
/// result is then of use for further checks only.
[[nodiscard]] Bound bind(const Node& root, Report& report);

}  // namespace sluice::config
