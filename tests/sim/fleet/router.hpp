// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sim/fleet/workload.hpp"

namespace sluice::sim {

/// What a router may ask for while it routes.
struct Surroundings {
  Engine& engine;
  Nodes& nodes;
  std::uint64_t seed = 0;
  Deployment deployment;
};

/// Sends calls on: a policy with what the proxy would do around it. One per run.
class Router {
 public:
  /// The upstream that was chosen, and the call's answer.
  using Send = std::move_only_function<void(std::uint32_t upstream)>;

  Router() = default;
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  virtual ~Router() = default;

  /// Calls `send` with the upstream, at once or when it may go.
  virtual void route(const Call& call, std::uint32_t worker, Send send) = 0;
  /// A call leaves for `upstream`, also one that was not routed (a shadow). Returns a handle for
  /// ended().
  virtual std::uint64_t started(const Call& call, std::uint32_t worker, std::uint32_t upstream) = 0;
  virtual void ended(std::uint64_t handle, const Call& call, std::uint32_t worker,
                     std::uint32_t upstream, Reply reply) = 0;
};

using MakeRouter = std::function<std::unique_ptr<Router>(const Surroundings&)>;

/// A policy under its name in tables.
struct Contestant {
  std::string name;
  MakeRouter make;
};

/// The real strategy of that name: one instance per worker, the workers of a proxy sharing
/// statistics and counts of calls in flight.
[[nodiscard]] Contestant strategy(std::string_view name);
/// Drawn in proportion to speed, which it is told: stable wherever anything is.
[[nodiscard]] Contestant random_by_speed();

/// Knows the service time of every call on every node and all queues, and takes the earliest
/// finish.
[[nodiscard]] Contestant clairvoyant();

/// C3 (Suresh and others, NSDI 2015) as its authors' own simulator has it: cubic replica ranking
/// with the servers' reports, and rate control. Its one client is a proxy.
[[nodiscard]] Contestant c3();
/// Its ranking alone: the rate control was made for many clients that each send little.
[[nodiscard]] Contestant c3_ranking();

}  // namespace sluice::sim
