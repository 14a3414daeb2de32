// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"

namespace sluice::config {

/// The table read as a tree: what may stand inside one map. Built once from the rows, immutable,
/// shared by all who walk configurations.
struct Shape {
  std::string_view name;
  const Key* key = nullptr;  // null for the top of a place only
  std::vector<Shape> children;

  [[nodiscard]] const Shape* find(std::string_view child) const;
};

/// The keys of a place; that of kRoot includes those of kTopChain.
[[nodiscard]] const Shape& shape_of(Place place);

/// `chains[].upstreams[]`; empty for the top level.
[[nodiscard]] std::string_view place_path(Place place);

/// `path.name`, or `name` at top level.
[[nodiscard]] std::string join_path(std::string_view path, std::string_view name);

/// Fills in the defaults of a place's own keys. What a chain has from `defaults`, and an upstream
/// from its chain, is left alone.
void set_defaults(Place place, const Owner& owner);

[[nodiscard]] Owner owner_of(Config& config);
[[nodiscard]] Owner owner_of(ListenConfig& listener);
[[nodiscard]] Owner owner_of(ChainConfig& chain);
[[nodiscard]] Owner owner_of(UpstreamConfig& upstream);
[[nodiscard]] Owner owner_of(ClientConfig& client);

/// Calls `visit(index, item)` for each object of the list that a kBlocks row stands for.
void for_each_item(const Key& blocks, const Owner& owner,
                   const std::function<void(std::size_t, const Owner&)>& visit);

}  // namespace sluice::config
