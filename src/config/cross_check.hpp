// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/binder.hpp"
#include "config/load.hpp"

namespace sluice::config {

/// What no single key can tell: names that clash, values that contradict each other, files that
/// cannot be read. A member whose own value was refused is left out.
void cross_check(const Bound& bound, const Environment& environment, Report& report);

/// Its part about addresses: listeners that clash, and upstreams that are Sluice itself or a
/// metadata service.
void check_addresses(const Bound& bound, Report& report);

}  // namespace sluice::config
