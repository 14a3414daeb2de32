// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "metrics/emitter.hpp"
#include "upstream/shared.hpp"

// What the daemon tells of the breakers of one upstream: to metrics and in /status.
namespace sluice::app {

/// Of the classes that were called, or whose breaker was moved.
void collect_breakers(std::string_view chain, std::string_view upstream, upstream::Shared& shared,
                      metrics::Emitter& emitter);

/// `{"trace":{"state":"open","failure_ratio":…,"calls":…,"opens_in_ms":…},…}`: those that are not
/// closed.
[[nodiscard]] std::string breakers_status(upstream::Shared& shared, TimePoint now);

}  // namespace sluice::app
