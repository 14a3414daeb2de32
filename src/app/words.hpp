// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "metrics/layout.hpp"

namespace sluice::app {

/// The closed label sets, gathered from the modules that own the words.
[[nodiscard]] metrics::LabelSets label_sets();

/// The position of each reject reason in label_sets().reject_reasons.
[[nodiscard]] const std::unordered_map<std::string_view, std::size_t>& reject_positions();

}  // namespace sluice::app
