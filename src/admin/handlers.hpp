// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::events {
class Hub;
}

namespace sluice::admin {

struct Check {
  std::string name;
  bool ok = false;
  std::string detail;  ///< why not, or what; one line, without secrets: it is shown to whoever asks
};

struct Readiness {
  bool ready = false;
  std::vector<Check> checks;
};

/// Where the pages' content comes from. Called on the control thread for each request, so none may
/// wait; what one throws is logged and answered with a bare 500.
struct Handlers {
  std::function<std::string()> metrics;  ///< Prometheus text format 0.0.4
  std::function<std::string()> status;   ///< one JSON value
  std::function<Readiness()> readiness;
  std::shared_ptr<events::Hub> events;  ///< what /events follows; without it there is no such page
};

}  // namespace sluice::admin
