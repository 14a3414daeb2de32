// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "config/key.hpp"

namespace sluice::config {

/// A member as it would be written in a file, on one line, with secrets hidden. `$` is doubled, so
/// that it loads again as it is.
[[nodiscard]] std::string format_value(const Key& key, const void* member);

/// Whether there is nothing to write: no default, and the operator left it out.
[[nodiscard]] bool is_unset(const Key& key, const void* member);

/// The path that stands in a dump for a path or query that is not shown.
[[nodiscard]] std::string_view hidden_path();

}  // namespace sluice::config
