// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "config/diagnostic.hpp"
#include "config/tree.hpp"

namespace sluice::config {

/// YAML text to a tree; the only code that knows yaml-cpp. Refuses what a configuration has no use
/// for and what is dangerous: duplicate keys, tabs as indentation, tags, several documents, text
/// that is not UTF-8, nesting beyond 32, and aliases that unfold to more than 200 000 nodes. An
/// empty document is an empty map.
///
/// Everything that is wrong goes to `report`; nothing is returned when the text could not be read
/// at all.
[[nodiscard]] std::optional<Node> read_yaml(std::size_t source, std::string_view text,
                                            Report& report);

}  // namespace sluice::config
