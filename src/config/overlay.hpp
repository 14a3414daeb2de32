// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostic.hpp"
#include "config/load.hpp"
#include "config/tree.hpp"

namespace sluice::config {

/// Lays `over` onto `base`: maps merge key by key at every depth, everything else is replaced. An
/// empty section
/// (`pool:`) over a map changes nothing.
void overlay(Node& base, Node over);

/// Lays the command line over the tree of all files. Each option is a source of its own in
/// `report`, named after it.
void overlay_command_line(Node& root, const Overrides& overrides, Report& report);

}  // namespace sluice::config
