// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>

#include "policy/queue.hpp"

namespace sluice::proxy {

/// The calls of one chain, of all workers, that wait for capacity: the pure queue behind a short
/// mutex. Only calls that found nothing free come here, and whoever frees something looks at
/// `waiting()` first, so the mutex is off the common path. A waiter's lane is its worker's index,
/// so that its own worker's connections suit it best: another one's must be closed for it and
/// dialled anew. Its `call` is its key there, and its `upstreams` are wait slots (UpstreamSpec),
/// not indices, which may change while it waits.
class ChainQueue {
 public:
  ChainQueue(const policy::WaitQueue::Options& options, std::size_t workers)
      : queue_(options, workers) {}

  /// Who is displaced must be told by the caller.
  [[nodiscard]] std::expected<policy::Pushed, policy::PushRefusal> push(
      const policy::Waiter& waiter, TimePoint now) {
    const std::scoped_lock lock(mutex_);
    auto pushed = queue_.push(waiter, now);
    publish();
    return pushed;
  }

  /// The waiter that gets what `worker` has free, or one that must be told to leave; those whose
  /// deadline has passed come first, so that nothing is granted to one of them.
  [[nodiscard]] std::optional<policy::Granted> pop_for(std::uint32_t slot, std::size_t worker,
                                                       TimePoint now) {
    const std::scoped_lock lock(mutex_);
    auto granted = queue_.expire(now);
    if (!granted) granted = queue_.pop_for(slot, static_cast<std::uint32_t>(worker), now);
    publish();
    return granted;
  }

  /// False when the waiter's stay has ended already: then word of it is on its way.
  bool cancel(policy::WaitHandle handle) {
    const std::scoped_lock lock(mutex_);
    const bool cancelled = queue_.cancel(handle);
    publish();
    return cancelled;
  }

  void place_withdrawn(TimePoint now) {
    const std::scoped_lock lock(mutex_);
    queue_.place_withdrawn(now);
  }

  void set(const policy::WaitQueue::Options& options) {
    const std::scoped_lock lock(mutex_);
    queue_.set(options);
  }

  /// Sequentially consistent: a worker registers and then looks for capacity, another frees
  /// capacity and then looks here, so one of them must see the other.
  [[nodiscard]] bool waiting() const noexcept { return waiting_.load() != 0; }
  /// Of all priorities, as it was a moment ago.
  [[nodiscard]] std::uint32_t size() const noexcept {
    return waiting_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t depth(policy::Priority priority) const {
    const std::scoped_lock lock(mutex_);
    return queue_.size(priority);
  }

 private:
  void publish() noexcept { waiting_.store(static_cast<std::uint32_t>(queue_.size())); }

  mutable std::mutex mutex_;
  policy::WaitQueue queue_;
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace sluice::proxy
