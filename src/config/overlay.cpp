// SPDX-License-Identifier: Apache-2.0
#include "config/overlay.hpp"

#include <array>
#include <utility>

namespace sluice::config {
namespace {

Node map_of(std::string key, Node value) {
  Node map{.kind = Node::Kind::kMap, .at = value.at};
  const Position at = value.at;
  map.entries.push_back({std::move(key), at, std::move(value)});
  return map;
}

Node option(std::string name, const std::string& text, Report& report) {
  return {.kind = Node::Kind::kScalar,
          .at = {report.add_source(std::move(name)), 0, 0},
          .text = text,
          .verbatim = true};
}

/// The address changes; TLS does not silently go away with it.
void override_listener(Node& root, const Node& address) {
  Node listener = map_of("address", address);
  if (const Entry* entry = root.find("listen"); entry != nullptr && entry->value.is_list()) {
    const auto& items = entry->value.items;
    if (!items.empty() && items.front().is_map()) {
      Node first = items.front();
      overlay(first, std::move(listener));
      listener = std::move(first);
    }
  }
  Node list{.kind = Node::Kind::kList, .at = address.at};
  list.items.push_back(std::move(listener));
  overlay(root, map_of("listen", std::move(list)));
}

}  // namespace

void overlay(Node& base, Node over) {
  if (base.is_map() && over.is_null()) return;
  if (!base.is_map() || !over.is_map()) {
    base = std::move(over);
    return;
  }
  for (Entry& entry : over.entries) {
    if (Entry* present = base.find(entry.key)) {
      // The later file is where the value stands now, also for complaints about its key.
      if (!entry.value.is_null()) present->at = entry.at;
      overlay(present->value, std::move(entry.value));
    } else {
      base.entries.push_back(std::move(entry));
    }
  }
}

void overlay_command_line(Node& root, const Overrides& overrides, Report& report) {
  if (overrides.listen) {
    override_listener(root, option("--listen", *overrides.listen, report));
  }
  struct Option {
    const char* name;
    const char* group;
    const char* key;
    const std::optional<std::string>& text;
  };
  const std::array options{
      Option{"--admin-listen", "admin", "listen", overrides.admin_listen},
      Option{"--socket", "admin", "socket", overrides.admin_socket},
      Option{"--log-level", "log", "level", overrides.log_level},
      Option{"--log-format", "log", "format", overrides.log_format},
  };
  for (const Option& each : options) {
    if (!each.text) continue;
    overlay(root, map_of(each.group, map_of(each.key, option(each.name, *each.text, report))));
  }
  if (overrides.workers) {
    overlay(root, map_of("workers", option("--workers", *overrides.workers, report)));
  }
  if (overrides.urls.empty()) return;
  const Position at{report.add_source("command line"), 0, 0};
  Node list{.kind = Node::Kind::kList, .at = at};
  for (const std::string& url : overrides.urls) {
    list.items.push_back({.kind = Node::Kind::kScalar, .at = at, .text = url, .verbatim = true});
  }
  overlay(root, map_of("upstreams", std::move(list)));
}

}  // namespace sluice::config
