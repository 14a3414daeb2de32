// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "metrics/worker_metrics.hpp"
#include "proxy/snapshot.hpp"
#include "upstream/pool.hpp"

namespace sluice::proxy {

class Worker;

/// Stands between one pool and its worker: counts what the pool does, and when something becomes
/// free there, finds the calls of the chain that wait for it. Held by the pool, so that a pool that
/// has left the configuration still serves those who know it. On the worker's thread.
class PoolWatch final : public upstream::PoolListener {
 public:
  PoolWatch(Worker& worker, std::string chain_name, std::shared_ptr<ChainShared> chain,
            const UpstreamSpec& upstream)
      : worker_(worker),
        chain_(std::move(chain)),
        wait_slot_(upstream.wait_slot),
        rate_(upstream.rate),
        metrics_slot_(upstream.slot),
        chain_name_(std::move(chain_name)),
        upstream_name_(upstream.name) {}

  [[nodiscard]] ChainShared& chain() const noexcept { return *chain_; }
  [[nodiscard]] std::uint32_t wait_slot() const noexcept { return wait_slot_; }

  void connection_created() override;
  void connection_closed(upstream::CloseReason reason) override;
  void capacity_freed(upstream::Pool& pool) override;
  void place_withdrawn() override;
  void ceiling_freed() override;
  void warmed_up(bool well, std::uint32_t calls) override;
  [[nodiscard]] std::uint64_t chain_id() const override { return chain_->chain_id.load(); }

 private:
  Worker& worker_;
  const std::shared_ptr<ChainShared> chain_;
  const std::uint32_t wait_slot_;
  const std::shared_ptr<RateGate> rate_;
  const metrics::UpstreamSlot metrics_slot_;
  const std::string chain_name_;
  const std::string upstream_name_;
};

}  // namespace sluice::proxy
