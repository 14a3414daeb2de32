// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "net/ref.hpp"
#include "policy/balance/balancer.hpp"
#include "policy/retry.hpp"
#include "proxy/snapshot.hpp"
#include "upstream/pool.hpp"

namespace sluice::proxy {

/// One chain as one worker serves it: its own strategy instance, retry budget and pools.
struct ChainRuntime {
  const ChainSpec* spec = nullptr;
  std::unique_ptr<policy::Balancer> balancer;
  /// What the strategy makes use of, which others are spared.
  bool by_features = false;
  bool by_affinity = false;
  policy::RetryBudget budget;
  policy::HedgeBudget hedge_budget;
  /// By the upstream's index in the chain.
  std::vector<net::Ref<upstream::Pool>> pools;
};

/// One worker's view of one snapshot. Held by the worker while it is current and by each call until
/// that ends, so that a call sees one configuration from its beginning to its end.
class Runtime final : public net::RefCounted {
 public:
  /// `earlier`: what it takes the place of; null for the first.
  Runtime(std::shared_ptr<const Snapshot> source, const net::Ref<Runtime>& earlier)
      : snapshot(std::move(source)), generation(earlier == nullptr ? 1 : earlier->generation + 1) {}

  const std::shared_ptr<const Snapshot> snapshot;
  const std::uint64_t generation;
  std::vector<ChainRuntime> chains;
};

}  // namespace sluice::proxy
