// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/random.hpp"
#include "policy/dial_plan.hpp"
#include "upstream/connection.hpp"
#include "upstream/verification.hpp"

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
  /// A call has ended, and its connection goes because the limit has fallen.
  virtual void place_withdrawn() {}
  /// A permit became free when the global cap was reached: any upstream may have waited for it.
  virtual void ceiling_freed() = 0;
  /// A connection was made ready before calls come, or could not be. `calls`: how many it took.
  virtual void warmed_up(bool /*well*/, std::uint32_t /*calls*/) {}
  /// 0 while unknown.
  [[nodiscard]] virtual std::uint64_t chain_id() const { return 0; }
};

/// Where a pool belongs among those of its upstream, one for each worker.
struct PoolPlace {
  std::size_t worker = 0;
  std::size_t workers = 1;

  /// This worker's part of what all have together.
  [[nodiscard]] std::uint32_t share(std::uint32_t total) const noexcept {
    const auto of = static_cast<std::uint32_t>(workers);
    return total / of + (worker < total % of ? 1 : 0);
  }
};

/// The connections of one worker to one upstream: gives out the most recently used idle one (the
/// rest may age out), or one that is to come, within the permits that all workers share. A call
/// that finds nothing idle waits for whichever connection becomes free first, whether dialled for
/// it or not; how many are dialled is the DialPlan's decision, how many there shall be the
/// control thread's (steer()). Lives on its worker's thread, held by the worker's snapshot and by
/// its connections; retire() ends it gently. Does not queue beyond the permits: a caller that gets
/// nothing waits elsewhere.
class Pool final : public ConnectionOwner {
 public:
  /// `target`: connections to begin with.
  Pool(net::Loop& loop, std::shared_ptr<Shared> shared, std::uint32_t target,
       net::Ref<PoolListener> listener, PoolPlace place = {});

  /// A connection for one call, to be followed by start() or give_back(): idle, or one that is to
  /// come. Null at the cap. `careful`: for a call that cannot be replayed should the connection
  /// turn out dead, so it is looked at first, which costs a system call.
  [[nodiscard]] Connection* take(TimePoint now, bool careful = false);
  /// A fresh connection, never a kept one: for the replay of a call that met a dead one.
  [[nodiscard]] Connection* take_fresh(TimePoint now);
  /// Takes back what was taken and is not needed.
  void give_back(Connection& connection);
  /// Dials until the target is there, as fast as the DialPlan lets it.
  void fill(TimePoint now);
  /// Closes what is idle now: its upstream gets no calls.
  void close_idle();
  /// The limit has changed: idle connections beyond it close.
  void obey_limit();
  /// A new target. Idle connections beyond it close; no call is touched. `early`: calls are
  /// expected for those that are missing, which are tried as those of a warm-up are.
  void steer(std::uint32_t target, bool early, TimePoint now);
  /// Sees to it that this worker's part of `connections` is there, each tried with a call if so
  /// configured.
  void warm_up(std::uint32_t connections, TimePoint now);
  /// Closes what is idle now and what is busy when its call ends. Goes on dialling for calls that
  /// began under the configuration that knew it.
  void retire();
  /// See Connection::upstream_lost(), for all of them.
  void upstream_lost();

  [[nodiscard]] Shared& shared() const noexcept { return *shared_; }
  [[nodiscard]] bool has_idle() const noexcept { return !idle_.empty(); }
  /// An idle connection, or a permit for one more.
  [[nodiscard]] bool has_room() const noexcept { return !idle_.empty() || shared_->has_permit(); }
  [[nodiscard]] bool empty() const noexcept { return connections_.empty(); }
  /// Sees to it that a permit is free, so that another worker may dial: by closing idle
  /// connections if need be.
  void make_permit();
  /// At the end: closes all connections, and dials no more.
  void close_all();

  // For its connections.
  void connection_idle(Connection& connection, Duration took) override;
  void connection_established(Connection& connection) override;
  void connection_closed(Connection& connection, CloseReason reason) override;
  /// A connection has been tried.
  void verified(Verification& trial, bool well);

 private:
  [[nodiscard]] Connection* make();
  void dial(Connection& connection, TimePoint now);
  [[nodiscard]] Connection* wait_for_one(TimePoint now, bool careful);
  /// Dials what the plan wants: for calls that wait, else ahead of them.
  void dial_more(TimePoint now);
  [[nodiscard]] Connection* first_awaited();
  [[nodiscard]] policy::PoolCount count();
  [[nodiscard]] std::uint32_t connected() const noexcept {
    return static_cast<std::uint32_t>(connections_.size()) - unconnected_;
  }
  [[nodiscard]] std::uint32_t busy() const noexcept {
    // A trial is over a moment after its connection is idle or gone.
    const std::uint32_t others = static_cast<std::uint32_t>(idle_.size() + trials_.size());
    return connected() > others ? connected() - others : 0;
  }
  void count_as_warm(const Connection& connection);
  void note_busy() noexcept;
  void note_open() noexcept;
  void note_trials() noexcept;
  [[nodiscard]] bool is_bad(const Connection& connection) const noexcept;
  void give_up_parked();
  void close_oldest_idle(CloseReason reason);

  net::Loop& loop_;
  std::shared_ptr<Shared> shared_;
  PoolPart& part_;
  const PoolPlace place_;
  net::Ref<PoolListener> listener_;
  Random random_;
  policy::DialPlan plan_;
  std::vector<net::Ref<Connection>> connections_;
  std::vector<Connection*> idle_;
  /// Parked or connecting, in the order in which their calls came. Some may have lost their call to
  /// another connection since.
  std::vector<Connection*> awaited_;
  /// Parked and connecting; and the connecting alone.
  std::uint32_t unconnected_ = 0;
  std::uint32_t connecting_ = 0;
  std::uint32_t target_;
  /// Connections that are still to be made ready; those of them that are to be tried; and those on
  /// trial.
  std::uint32_t warming_ = 0;
  std::uint32_t untried_ = 0;
  std::vector<net::Ref<Verification>> trials_;
  bool retired_ = false;
  bool closed_ = false;
};

}  // namespace sluice::upstream
