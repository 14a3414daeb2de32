// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/key.hpp"

/// Words about rows, shared by reference, example and schema.
namespace sluice::config {

/// "duration", "list of methods", or the allowed words.
[[nodiscard]] std::string describe_type(const Key& key);

/// "1ms to 1h, or off"; "at most 64 items"; empty where there is nothing to say.
[[nodiscard]] std::string describe_bounds(const Key& key);

/// The text that shows best what may be written, in YAML.
[[nodiscard]] std::string_view sample_text(const Key& key);

}  // namespace sluice::config
