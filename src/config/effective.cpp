// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "config/format.hpp"
#include "config/load.hpp"
#include "config/shape.hpp"

namespace sluice::config {
namespace {

/// Writes one configuration; lives on the stack of effective_yaml().
class Writer {
 public:
  explicit Writer(const Origins& origins) : origins_(origins) {}

  std::string children(const Shape& shape, const Owner& owner, const std::string& path,
                       std::size_t indent) {
    std::string out;
    for (const Shape& child : shape.children) {
      const bool top_chain = path.empty() && child.key != nullptr && (child.key->at & kRoot) == 0;
      if (top_chain) continue;
      out += one(child, owner, join_path(path, child.name), indent);
    }
    return out;
  }

 private:
  std::string one(const Shape& shape, const Owner& owner, const std::string& path,
                  std::size_t indent) {
    const Key* key = shape.key;
    const std::string head = fmt::format("{:{}}{}:", "", indent, shape.name);
    if (key == nullptr || key->type == Type::kGroup) {
      const std::string inside = children(shape, owner, path, indent + 2);
      return inside.empty() ? "" : fmt::format("{}\n{}", head, inside);
    }
    if (key->type == Type::kBlock) return {};
    if (key->type == Type::kBlocks) return items(*key, owner, path, head, indent);
    const void* member = key->field.access(owner);
    if (is_unset(*key, member)) return {};
    return fmt::format("{} {}{}\n", head, format_value(*key, member), origin(*key, path));
  }

  std::string items(const Key& key, const Owner& owner, const std::string& path,
                    const std::string& head, std::size_t indent) {
    std::string out;
    for_each_item(key, owner, [&](std::size_t i, const Owner& item) {
      std::string text =
          children(shape_of(key.place), item, fmt::format("{}[{}]", path, i), indent + 4);
      text[indent + 2] = '-';
      out += text;
    });
    return out.empty() ? head + " []\n" : head + "\n" + out;
  }

  /// Where the value was written, or what it was inherited from.
  [[nodiscard]] std::string origin(const Key& key, std::string path) const {
    if (origins_.empty()) return {};
    while (true) {
      const auto found = origins_.find(path);
      if (found != origins_.end()) return "  # " + printable(found->second);
      if ((key.at & kDefaults) == 0 || path.starts_with("defaults.")) return "  # default";
      const auto upstream = path.find(".upstreams[");
      path = upstream == std::string::npos || (key.at & kUpstream) == 0
                 ? join_path("defaults", key.path)
                 : join_path(path.substr(0, upstream), key.path);
    }
  }

  const Origins& origins_;
};

}  // namespace

std::string effective_yaml(const Config& config, const Origins& origins) {
  // Members are reached for writing; a copy keeps the original out of reach.
  Config copy = config;
  return Writer(origins).children(shape_of(kRoot), owner_of(copy), {}, 0);
}

}  // namespace sluice::config
