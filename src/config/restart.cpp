// SPDX-License-Identifier: Apache-2.0
#include "config/format.hpp"
#include "config/load.hpp"
#include "config/shape.hpp"

namespace sluice::config {

std::vector<std::string> restart_only_changes(const Config& running, const Config& next) {
  // Members are reached for writing; copies keep the originals out of reach.
  Config a = running;
  Config b = next;
  std::vector<std::string> changed;
  for (const Key& key : table()) {
    if (key.reload != Reload::kRestart) continue;
    const bool same = format_value(key, key.field.access(owner_of(a))) ==
                      format_value(key, key.field.access(owner_of(b)));
    if (!same) changed.emplace_back(key.path);
  }
  return changed;
}

}  // namespace sluice::config
