// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sim/core/report.hpp"

namespace sluice::sim {

/// A line chart as an SVG document that reads on light and dark pages.
[[nodiscard]] std::string svg(const Plot& plot);

}  // namespace sluice::sim
