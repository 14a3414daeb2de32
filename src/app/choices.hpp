// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::app {

/// How the next call of a chain would be placed, in words.
struct Choices {
  std::string rule;                    ///< what the strategy goes by, and for which class
  std::vector<std::string> upstreams;  ///< in the chain's order: how each stands, or what bars it
};

/// By what the workers share, for a call of the newest block of the class that was called last.
/// Control thread; allocates. It cannot know of a worker's own turns and models.
[[nodiscard]] Choices choices_of(const proxy::ChainSpec& chain, TimePoint now);

}  // namespace sluice::app
