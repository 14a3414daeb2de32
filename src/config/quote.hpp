// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

/// A YAML scalar that reads back as `text`, also inside `[…]` and `{…}`: plain where that is safe.
[[nodiscard]] std::string yaml_scalar(std::string_view text);

/// A JSON string with its quotes. `text` is UTF-8.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace sluice::config
