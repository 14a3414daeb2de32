// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/diagnostic.hpp"
#include "config/key.hpp"
#include "config/tree.hpp"

namespace sluice::config {

/// Reads what stands at `path` into the row's member. False after an error, with the member as it
/// was.
bool read_value(const Key& key, const Node& node, const std::string& path, const Owner& owner,
                Report& report);

/// Fills the member with the row's default; no change where it has none.
void set_default(const Key& key, const Owner& owner);

/// The lists and maps among the values; as read_value().
bool read_list(const Key& key, const Node& node, const std::string& path, void* member,
               Report& report);
bool read_headers(const Key& key, const Node& node, const std::string& path, void* member,
                  Report& report);

/// How a message names a value: quoted, or not at all where it may be secret.
[[nodiscard]] std::string shown(const Key& key, const Node& node);

/// Reports that `word` is none of the row's words, or one that this build does not have; else its
/// index.
[[nodiscard]] std::optional<std::size_t> read_word(const Key& key, const Node& node,
                                                   const std::string& path, Report& report);

}  // namespace sluice::config
