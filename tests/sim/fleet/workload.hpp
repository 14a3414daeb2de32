// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.hpp"
#include "policy/balance/balancer.hpp"
#include "policy/upstream_set.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/upstream_model.hpp"

namespace sluice::sim {

/// A call before anybody has decided where it goes: the same in every run of a seed.
struct Call {
  std::uint64_t number = 0;
  std::uint32_t method = 0;
  /// On a node of slowness 1.
  double service_s = 0.0;
  policy::CallFeatures features;
  std::uint64_t affinity = 0;
  /// Which upstreams may have it.
  policy::UpstreamSet among = ~policy::UpstreamSet{0};
};

using Nodes = std::vector<std::unique_ptr<UpstreamModel>>;

/// What arrives where, and what happens meanwhile.
struct Workload {
  std::vector<UpstreamOptions> upstreams;
  /// Calls a second, Poisson; 0 for a closed loop.
  double rate = 0.0;
  /// Calls at a time of a closed loop.
  std::uint32_t concurrency = 0;
  std::uint64_t calls = 0;
  /// Of the calls, not counted.
  double warm_up = 0.2;
  /// Fills in the rest of a call of that number; `random` is the call's own.
  std::function<void(Call&, Random&)> draw;
  /// Sets faults and speeds; called once at the start.
  std::function<void(Engine&, Nodes&, std::uint64_t seed)> script;
  /// Share of calls that are sent to all that may have them; only the first counts.
  double shadow_share = 0.0;
};

/// Proxies know nothing of each other; the workers of one share what they know.
struct Deployment {
  std::uint32_t proxies = 1;
  std::uint32_t workers = 4;
};

}  // namespace sluice::sim
