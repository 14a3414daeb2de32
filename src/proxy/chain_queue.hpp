// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <vector>

#include "policy/queue.hpp"

namespace sluice::proxy {

/// The calls of one chain, of all workers, that wait for capacity: pure queues behind a short
/// mutex, one for each worker. Only calls that found nothing free come here, and whoever frees
/// something looks at `waiting()` first, so the mutex is off the common path. A waiter's `client`
/// is its worker's index, `call` its key there, and its `upstreams` are wait slots (UpstreamSpec),
/// not indices, which may change while it waits.
class ChainQueue {
 public:
  ChainQueue(const policy::WaitQueue::Options& options, std::size_t workers)
      : options_(options), queues_(workers, policy::WaitQueue(options)), since_shared_(workers) {}

  [[nodiscard]] std::expected<policy::WaitHandle, policy::PushRefusal> push(
      const policy::Waiter& waiter, TimePoint now) {
    const std::scoped_lock lock(mutex_);
    if (total() >= options_.max) return std::unexpected(policy::PushRefusal::kFull);
    auto pushed = queues_[waiter.client].push(waiter, now);
    publish();
    return pushed;
  }

  /// The waiter that gets what `worker` has free: the most urgent of its own, who can use it as it
  /// is, rather than somebody else's, for whom a connection must be closed and another dialled.
  /// Unless that one is of a higher priority; and now and then the most urgent of all has it, so
  /// that connections move to where they are missing.
  [[nodiscard]] std::optional<policy::Granted> pop_for(std::uint32_t slot, std::size_t worker) {
    const std::scoped_lock lock(mutex_);
    const std::size_t best = most_urgent(slot);
    if (best == queues_.size()) return std::nullopt;
    std::size_t chosen = best;
    const policy::Waiter* own = queues_[worker].next_for(slot);
    if (own != nullptr && own->priority <= queues_[best].next_for(slot)->priority &&
        ++since_shared_[worker] % kShareEvery != 0) {
      chosen = worker;
    }
    auto granted = queues_[chosen].pop_for(slot);
    publish();
    return granted;
  }

  /// False when the waiter has been granted already.
  bool cancel(std::size_t worker, policy::WaitHandle handle) {
    const std::scoped_lock lock(mutex_);
    const bool cancelled = queues_[worker].cancel(handle);
    publish();
    return cancelled;
  }

  void set(const policy::WaitQueue::Options& options) {
    const std::scoped_lock lock(mutex_);
    options_ = options;
    for (auto& queue : queues_) queue.set(options);
  }

  /// Sequentially consistent: a worker registers and then looks for capacity, another frees
  /// capacity and then looks here, so one of them must see the other.
  [[nodiscard]] bool waiting() const noexcept { return waiting_.load() != 0; }
  [[nodiscard]] std::size_t depth(policy::Priority priority) const {
    const std::scoped_lock lock(mutex_);
    std::size_t depth = 0;
    for (const auto& queue : queues_) depth += queue.size(priority);
    return depth;
  }

 private:
  static constexpr std::uint32_t kShareEvery = 8;

  [[nodiscard]] std::size_t total() const noexcept {
    std::size_t total = 0;
    for (const auto& queue : queues_) total += queue.size();
    return total;
  }
  /// The queue with the most urgent waiter, or how many queues there are when nobody waits.
  [[nodiscard]] std::size_t most_urgent(std::uint32_t slot) const noexcept {
    std::size_t best = queues_.size();
    const policy::Waiter* first = nullptr;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      const policy::Waiter* waiter = queues_[i].next_for(slot);
      if (waiter == nullptr) continue;
      if (first != nullptr &&
          (waiter->priority > first->priority ||
           (waiter->priority == first->priority && waiter->deadline >= first->deadline))) {
        continue;
      }
      first = waiter;
      best = i;
    }
    return best;
  }
  void publish() noexcept { waiting_.store(static_cast<std::uint32_t>(total())); }

  mutable std::mutex mutex_;
  policy::WaitQueue::Options options_;
  std::vector<policy::WaitQueue> queues_;
  /// By worker: grants since one went to the most urgent of all.
  std::vector<std::uint32_t> since_shared_;
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace sluice::proxy
