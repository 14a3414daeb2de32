// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostic.hpp"
#include "config/load.hpp"
#include "config/tree.hpp"

namespace sluice::config {

/// Replaces `${NAME}`, `${NAME:-default}` (also for an empty variable, as in a shell),
/// `${file:PATH}` and `$$` in every scalar of the tree. Works on parsed scalars, so no value can
/// add YAML; what was put in is not looked at again. Keys are left alone. A '$' before anything
/// else stands for itself.
void expand(Node& root, const Environment& environment, Report& report);

}  // namespace sluice::config
