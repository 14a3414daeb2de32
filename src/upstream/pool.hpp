// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "upstream/connection.hpp"

namespace sluice::upstream {

class Pool;

/// Whoever has calls waiting for capacity, and counts what a pool does. Held by its pool, called on
/// the pool's thread.
class PoolListener : public net::RefCounted {
 public:
  virtual void connection_created() = 0;
  virtual void connection_closed(CloseReason reason) = 0;
  /// A connection of this pool became idle, or a permit free.
  virtual void capacity_freed(Pool& pool) = 0;
  /// A permit became free when the global cap was reached: any upstream may have waited for it.
  virtual void ceiling_freed() = 0;
};

/// The connections of one worker to one upstream: gives out the most recently used idle one (the
/// rest may age out), or dials within the permits that all workers share. Lives on its worker's
/// thread, held by the worker's snapshot and by its connections; retire() ends it gently. Does not
/// queue: a caller that gets nothing waits elsewhere.
class Pool final : public ConnectionOwner {
 public:
  /// `connections_min`: this worker's part of the upstream's minimum.
  Pool(net::Loop& loop, std::shared_ptr<Shared> shared, std::uint32_t connections_min,
       net::Ref<PoolListener> listener);

  /// A connection for one call: idle, or dialling. Null at the cap. `careful`: for a call that
  /// cannot be replayed should the connection turn out dead, so it is looked at first, which costs
  /// a system call.
  [[nodiscard]] Connection* take(TimePoint now, bool careful = false);
  /// A fresh connection, never a kept one: for the replay of a call that met a dead one.
  [[nodiscard]] Connection* take_fresh(TimePoint now);
  /// Dials until the minimum is there.
  void fill(TimePoint now);
  /// Closes what is idle now: its upstream gets no calls.
  void close_idle();
  /// Closes what is idle now and what is busy when its call ends. Goes on dialling for calls that
  /// began under the configuration that knew it.
  void retire();
  /// See Connection::upstream_lost(), for all of them.
  void upstream_lost();

  [[nodiscard]] Shared& shared() const noexcept { return *shared_; }
  [[nodiscard]] bool has_idle() const noexcept { return !idle_.empty(); }
  /// An idle connection, or a permit to dial one.
  [[nodiscard]] bool has_room() const noexcept { return !idle_.empty() || shared_->has_permit(); }
  [[nodiscard]] bool empty() const noexcept { return connections_.empty(); }
  /// Sees to it that a permit is free, so that another worker may dial: by closing an idle
  /// connection if need be.
  void make_permit();
  /// At the end: closes all connections, and dials no more.
  void close_all();

  void connection_idle(Connection& connection) override;
  void connection_closed(Connection& connection, CloseReason reason) override;

 private:
  /// Idle longer than this, a connection is looked at before it is used again.
  static constexpr Duration kLookAfter = std::chrono::seconds(1);

  net::Loop& loop_;
  std::shared_ptr<Shared> shared_;
  const std::uint32_t connections_min_;
  net::Ref<PoolListener> listener_;
  std::vector<net::Ref<Connection>> connections_;
  std::vector<Connection*> idle_;
  bool retired_ = false;
  bool closed_ = false;
};

}  // namespace sluice::upstream
