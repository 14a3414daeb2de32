// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "devnode/chain.hpp"
#include "devnode/faults.hpp"
#include "devnode/filters.hpp"
#include "devnode/mempool.hpp"
#include "devnode/stats.hpp"

namespace sluice::devnode {

/// What one request sees: fixed once, so that the members of a batch agree.
struct View {
  std::uint64_t head = 0;
  std::uint64_t chain_id = 0;
};

/// Seconds since the Unix epoch; a test hands in its own.
using WallClock = std::function<double()>;

/// The state of one simulated node that all its workers share: chain, mined blocks, sent
/// transactions, filters, faults, counters. Owned by the server, outlives its workers. Any thread.
/// Does no I/O.
class Node {
 public:
  /// A null `mempool` gives the node one of its own.
  Node(const ChainSpec& spec, std::string name, WallClock clock, std::shared_ptr<Mempool> mempool);

  [[nodiscard]] const Chain& chain() const noexcept { return chain_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Mempool& mempool() noexcept { return *mempool_; }
  [[nodiscard]] FilterTable& filters() noexcept { return filters_; }
  [[nodiscard]] Stats& stats() noexcept { return stats_; }
  [[nodiscard]] std::uint64_t next_subscription() noexcept { return ++subscriptions_; }

  /// The head by the clock and the blocks mined on request, faults aside.
  [[nodiscard]] std::uint64_t true_head() const;
  /// Adds blocks at once; with a block interval they come on top of those that time brings.
  void mine(std::uint64_t blocks);
  /// Seconds until the block after `head` appears by itself; negative when blocks come only by
  /// mining.
  [[nodiscard]] double seconds_until_after(std::uint64_t head) const;
  [[nodiscard]] View view(const Faults& faults) const;

  void set_faults(Faults faults);
  [[nodiscard]] std::shared_ptr<const Faults> faults() const;
  /// Changes with every set_faults: lets a worker keep its own reference without locking.
  [[nodiscard]] std::uint64_t faults_version() const noexcept {
    return faults_version_.load(std::memory_order_acquire);
  }

  /// A call that takes `work` of one of `workers` workers has arrived: when it will be done, from
  /// `now` on, after those that came before it.
  [[nodiscard]] Duration take_turn(Duration work, std::uint64_t workers, TimePoint now);

  /// Records a raw transaction; false when it was known. Calls `on_pending` for a new one.
  bool send(const Bytes32& hash, std::uint64_t head);
  /// Hooks of the server, set once before the node serves; called on the thread that causes the
  /// event.
  std::function<void(const Bytes32&)> on_pending;
  std::function<void()> on_mined;
  std::function<void()> on_faults;

 private:
  Chain chain_;
  std::string name_;
  WallClock clock_;
  std::shared_ptr<Mempool> mempool_;
  FilterTable filters_;
  Stats stats_;
  std::atomic<std::uint64_t> mined_{0};
  std::atomic<std::uint64_t> subscriptions_{0};
  std::mutex turns_mutex_;
  /// By worker: when it is free again.
  std::vector<TimePoint> free_at_;
  mutable std::mutex faults_mutex_;
  std::shared_ptr<const Faults> faults_ = std::make_shared<const Faults>();
  std::atomic<std::uint64_t> faults_version_{1};
};

}  // namespace sluice::devnode
