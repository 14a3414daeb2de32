// SPDX-License-Identifier: Apache-2.0
#include "config/binder.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "config/quantity.hpp"
#include "config/suggest.hpp"
#include "config/values.hpp"

namespace sluice::config {
namespace {

/// Where else in the table a key of that name belongs, for people who wrote it one level off.
std::string other_home(std::string_view name) {
  for (const Key& key : table()) {
    const auto dot = key.path.rfind('.');
    const std::string_view last =
        dot == std::string_view::npos ? key.path : key.path.substr(dot + 1);
    if (last != name) continue;
    std::string home;
    for (const Place place : {kRoot, kListener, kDefaults, kChain, kUpstream, kClient}) {
      if ((key.at & place) == 0) continue;
      home = place_path(place);
      break;
    }
    if (dot != std::string_view::npos) home = join_path(home, key.path.substr(0, dot));
    return home.empty() ? "; it belongs at top level" : fmt::format("; it belongs in '{}'", home);
  }
  return {};
}

/// One pass over one tree; lives on the stack of bind().
class Binder {
 public:
  explicit Binder(Report& report) : report_(report) {}

  Bound run(const Node& root) {
    Config& config = bound_.config;
    bound_.places.set("", root);
    set_defaults(kDefaults, owner_of(defaults_));
    if (const Entry* entry = root.find("defaults")) bind_defaults(entry->value);
    bound_.defaults = defaults_;
    set_defaults(kRoot, owner_of(config));
    ChainConfig top = defaults_;
    set_defaults(kChain, owner_of(top));
    Owner owner = owner_of(config);
    owner.chain = &top;
    owner.shared = &top;
    bind_children(root, shape_of(kRoot), owner, {});
    if (config.listen.empty()) {
      set_defaults(kListener, owner_of(config.listen.emplace_back()));
    }
    if (const Entry* chains = root.find("chains"); chains == nullptr || chains->value.is_null()) {
      bound_.top_chain = true;
      config.chains.push_back(std::move(top));
    } else {
      refuse_top_chain(root);
    }
    resolve_default_chain();
    return std::move(bound_);
  }

 private:
  void bind_defaults(const Node& node) {
    if (node.is_null()) return;
    if (!expect_map(node, "defaults")) return;
    bind_children(node, shape_of(kDefaults), owner_of(defaults_), "defaults");
  }

  bool expect_map(const Node& node, const std::string& path) {
    if (node.is_map()) return true;
    if (node.is_null()) {
      report_.error(node.at, fmt::format("'{}' has no value", path));
      return false;
    }
    report_.error(node.at,
                  fmt::format("'{}' must be a map of keys, not {}", path, node.kind_name()));
    return false;
  }

  /// Lists of maps come last: an upstream inherits what its chain says further down.
  void bind_children(const Node& map, const Shape& shape, const Owner& owner,
                     const std::string& path) {
    for (const Entry& entry : map.entries) {
      const Shape* child = shape.find(entry.key);
      if (child == nullptr) {
        unknown(entry, shape, path);
      } else if (child->key == nullptr || child->key->type == Type::kGroup) {
        bind_group(entry, *child, owner, join_path(path, entry.key));
      } else if (child->key->type != Type::kBlock && child->key->type != Type::kBlocks) {
        bind_value(*child->key, entry.value, owner, join_path(path, entry.key));
      }
    }
    for (const Entry& entry : map.entries) {
      const Shape* child = shape.find(entry.key);
      if (child == nullptr || child->key == nullptr || child->key->type != Type::kBlocks) continue;
      bind_list(*child->key, entry.value, owner, join_path(path, entry.key));
    }
  }

  void unknown(const Entry& entry, const Shape& shape, const std::string& path) {
    std::vector<std::string_view> names;
    names.reserve(shape.children.size());
    for (const Shape& child : shape.children) names.push_back(child.name);
    std::string near = nearest(entry.key, names);
    const std::string home = other_home(entry.key);
    // The very word somewhere else says more than a word that is only like it.
    if (!home.empty() && edit_distance(entry.key, near) > 1) near.clear();
    std::string message = fmt::format("unknown key '{}'", printable(entry.key));
    if (!path.empty()) message += fmt::format(" in '{}'", path);
    if (near.empty()) message += home;
    report_.error(entry.at, std::move(message), near);
  }

  void bind_group(const Entry& entry, const Shape& shape, const Owner& owner,
                  const std::string& path) {
    if (entry.value.is_null()) return;
    if (!expect_map(entry.value, path)) return;
    bound_.places.set(path, entry.value);
    bind_children(entry.value, shape, owner, path);
  }

  void bind_value(const Key& key, const Node& node, const Owner& owner, const std::string& path) {
    // Also when it is wrong: a key that is there is not missing.
    bound_.places.set(path, node);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      bound_.places.set(fmt::format("{}[{}]", path, i), node.items[i]);
    }
    if (has_failed(node) || !read_value(key, node, path, owner, report_)) {
      bound_.places.set_wrong(path);
    }
  }

  static bool has_failed(const Node& node) {
    const auto entry_failed = [](const Entry& entry) { return entry.value.failed; };
    return node.failed ||
           std::any_of(node.items.begin(), node.items.end(),
                       [](const Node& n) { return n.failed; }) ||
           std::any_of(node.entries.begin(), node.entries.end(), entry_failed);
  }

  void bind_list(const Key& key, const Node& node, const Owner& owner, const std::string& path) {
    if (node.is_null()) return;
    bound_.places.set(path, node);
    if (!node.is_list()) {
      report_.error(node.at, fmt::format("'{}' must be a list, not {}", path, node.kind_name()));
      return;
    }
    const Bounds bounds = bounds_of(key);
    const auto size = static_cast<double>(node.items.size());
    if (size > bounds.max || size < bounds.min) {
      report_.error(node.at, size == 0 ? fmt::format("'{}' must not be empty", path)
                                       : fmt::format("'{}' has more than {} items", path, key.max));
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      bind_item(key, node.items[i], owner, fmt::format("{}[{}]", path, i));
    }
    if (key.place == kUpstream) name_upstreams(*owner.chain);
  }

  Owner add_item(Place place, const Owner& owner) {
    Config& config = bound_.config;
    switch (place) {
      case kListener:
        return owner_of(config.listen.emplace_back());
      case kChain:
        return owner_of(config.chains.emplace_back(defaults_));
      case kUpstream: {
        UpstreamConfig& upstream = owner.chain->upstreams.emplace_back();
        static_cast<PerUpstream&>(upstream) = *owner.shared;
        return owner_of(upstream);
      }
      default:
        return owner_of(config.clients.emplace_back());
    }
  }

  void bind_item(const Key& list, const Node& node, const Owner& parent, const std::string& path) {
    const Owner owner = add_item(list.place, parent);
    const Shape& shape = shape_of(list.place);
    bound_.places.set(path, node);
    set_defaults(list.place, owner);
    if (node.failed) {
      bound_.places.set_wrong(path);
      return;
    }
    if (node.is_scalar() && !list.brief.empty()) {
      bind_value(*shape.find(list.brief)->key, node, owner, join_path(path, list.brief));
      return;
    }
    if (!expect_map(node, path)) return;
    bind_children(node, shape, owner, path);
    for (const Shape& child : shape.children) {
      const bool missing =
          child.key != nullptr && child.key->required &&
          (node.find(child.name) == nullptr || node.find(child.name)->value.is_null());
      // A key without a value has been complained about.
      if (!missing || (node.find(child.name) != nullptr && child.key->type != Type::kBlocks))
        continue;
      report_.error(node.at, fmt::format("'{}' needs '{}'", path, child.name));
    }
  }

  static std::string derived_name(const Url& url) {
    std::string name = fmt::format("{}-{}", url.host, url.port);
    std::replace(name.begin(), name.end(), ':', '-');
    name.erase(0, name.find_first_not_of('-'));
    return name.substr(0, 56);
  }

  /// Names made of host and port, with a number where two would be the same.
  static void name_upstreams(ChainConfig& chain) {
    std::set<std::string> taken;
    for (const UpstreamConfig& upstream : chain.upstreams) taken.insert(upstream.name);
    for (UpstreamConfig& upstream : chain.upstreams) {
      if (!upstream.name.empty() || upstream.url.host.empty()) continue;
      const std::string base = derived_name(upstream.url);
      std::string name = base;
      for (int n = 2; !taken.insert(name).second; ++n) name = fmt::format("{}-{}", base, n);
      upstream.name = std::move(name);
    }
  }

  void refuse_top_chain(const Node& root) {
    for (const Entry& entry : root.entries) {
      const Shape* child = shape_of(kRoot).find(entry.key);
      if (child == nullptr || child->key == nullptr || (child->key->at & kTopChain) == 0) continue;
      if (entry.at.line == 0) {
        report_.error(entry.at, "URLs cannot be given beside a file that has 'chains'");
        continue;
      }
      const bool shared = (child->key->at & kDefaults) != 0;
      report_.error(
          entry.at,
          fmt::format("'{}' at top level describes a single chain, but there are 'chains'; it "
                      "belongs in {}",
                      entry.key, shared ? "'defaults' or in a chain" : "one of them"));
    }
  }

  void resolve_default_chain() {
    auto& chains = bound_.config.chains;
    if (chains.size() == 1) chains.front().is_default = true;
  }

  Report& report_;
  Bound bound_{};
  ChainConfig defaults_{};
};

}  // namespace

Position Places::at(std::string_view path) const {
  while (true) {
    if (const auto found = marks_.find(path); found != marks_.end()) return found->second.at;
    if (path.empty()) return {};
    const auto cut = path.find_last_of(".[");
    path = path.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
}

std::string Bound::chain_path(std::size_t index) const {
  return top_chain ? std::string{} : fmt::format("chains[{}]", index);
}

Bound bind(const Node& root, Report& report) {
  return Binder(report).run(root);
}

}  // namespace sluice::config
