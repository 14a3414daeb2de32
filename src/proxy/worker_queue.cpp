// SPDX-License-Identifier: Apache-2.0
// Who waits for capacity, and how what becomes free finds them, on this worker or on another.
#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "proxy/worker.hpp"

namespace sluice::proxy {

void PoolWatch::connection_created() {
  worker_.metrics().connection_created(metrics_slot_);
  worker_.events().post(events::ConnectionCreated{
      .chain = chain_name_, .upstream = upstream_name_, .worker = worker_.index()});
}

void PoolWatch::connection_closed(upstream::CloseReason reason) {
  worker_.metrics().connection_closed(metrics_slot_, static_cast<std::size_t>(reason));
  worker_.events().post(events::ConnectionClosed{.chain = chain_name_,
                                                 .upstream = upstream_name_,
                                                 .worker = worker_.index(),
                                                 .reason = word(reason)});
}

void PoolWatch::warmed_up(bool well, std::uint32_t calls) {
  worker_.metrics().warmed_up(metrics_slot_, well ? 0 : 1);
  if (rate_ != nullptr && calls != 0) rate_->charge(worker_.loop().recent(), calls);
}

void PoolWatch::capacity_freed(upstream::Pool& pool) {
  if (chain_->queue.waiting()) worker_.serve_waiters(pool, *this);
}

void PoolWatch::place_withdrawn() {
  if (chain_->queue.waiting()) chain_->queue.place_withdrawn(worker_.loop().recent());
}

void PoolWatch::ceiling_freed() {
  worker_.serve_all_waiters();
}

std::uint64_t Worker::add_waiter(Call& call) {
  waiters_.emplace(++wait_key_, &call);
  return wait_key_;
}

void Worker::serve_waiters(upstream::Pool& pool, const PoolWatch& watch) {
  // What is being freed for a waiter elsewhere is not to be had here.
  if (handing_over_) return;
  const net::Ref<upstream::Pool> hold(&pool);
  // Until nothing is left to give or nobody wants it: a waiter that has been granted this upstream
  // may still choose another, and what it leaves must not lie idle while the next one waits.
  while (pool.has_room() && serve_some(pool, watch)) {
  }
}

bool Worker::serve_some(upstream::Pool& pool, const PoolWatch& watch) {
  // What waits anyway may leave together. Where others are being gathered already, a waiter must
  // take its connection at once, or all who wait would be granted the one that is free.
  const bool together = !batcher_.gathering();
  const Batcher::Scope gather(batcher_);
  do {
    auto granted = watch.chain().queue.pop_for(watch.wait_slot(), index_, now());
    while (granted && granted->end != policy::WaitEnd::kGranted) {
      send_away(*granted);
      granted = watch.chain().queue.pop_for(watch.wait_slot(), index_, now());
    }
    if (!granted) return false;
    const std::uint64_t key = granted->waiter.call;
    const unsigned worker = granted->waiter.lane;
    if (worker != index_) {
      hand_over(*all_[worker], key, pool);
      return false;
    }
    if (!wake(key, together)) return false;
  } while (together && batcher_.has_begun_and_takes(pool));
  return true;
}

void Worker::send_away(const policy::Granted& left) {
  Worker& owner = *all_[left.waiter.lane];
  // Never from inside another call, nor from another's thread.
  net::asio::post(owner.loop_.io, [&owner, key = left.waiter.call, end = left.end] {
    const auto waiter = owner.waiters_.find(key);
    if (waiter == owner.waiters_.end()) return;
    Call& call = *waiter->second;
    owner.waiters_.erase(waiter);
    call.sent_away(end);
  });
}

/// It cannot use our connection, but it can dial in its place, and then looks for the next one.
void Worker::hand_over(Worker& other, std::uint64_t key, upstream::Pool& pool) {
  handing_over_ = true;
  pool.make_permit();
  handing_over_ = false;
  net::asio::post(other.loop_.io, [&other, key, shared = &pool.shared()] {
    if (other.wake(key)) other.serve_waiters_of(shared);
  });
}

void Worker::serve_waiters_of(const upstream::Shared* shared) {
  if (const auto kept = pools_.find(shared); kept != pools_.end()) {
    const WatchedPool watched = kept->second;
    serve_waiters(*watched.pool, *watched.watch);
    return;
  }
  for (const WatchedPool& retired : std::vector<WatchedPool>(retired_)) {
    if (&retired.pool->shared() == shared) serve_waiters(*retired.pool, *retired.watch);
  }
}

void Worker::serve_all_waiters() {
  std::vector<WatchedPool> all(retired_);
  for (const auto& [shared, watched] : pools_) all.push_back(watched);
  for (const WatchedPool& watched : all) watched.watch->capacity_freed(*watched.pool);
}

bool Worker::wake(std::uint64_t key, bool together) {
  const auto waiter = waiters_.find(key);
  // It gave up while the grant was on its way: somebody else may want the place.
  if (waiter == waiters_.end()) return true;
  Call& call = *waiter->second;
  waiters_.erase(waiter);
  return call.granted(together);
}

void Worker::standing_changed(const upstream::Shared& shared, bool abandon) {
  const auto kept = pools_.find(&shared);
  if (kept == pools_.end()) return;
  const WatchedPool watched = kept->second;
  if (abandon) watched.pool->upstream_lost();
  if (!shared.hand.takes_calls()) watched.pool->close_idle();
  if (shared.in_rotation.load()) watched.pool->warm_up(shared.options().warm_up, now());
  // Routing may end calls, and register them anew.
  std::vector<std::uint64_t> keys;
  for (const auto& [key, call] : waiters_) {
    if (&call->waits_for() == &watched.watch->chain()) keys.push_back(key);
  }
  for (const std::uint64_t key : keys) {
    const auto waiter = waiters_.find(key);
    if (waiter != waiters_.end() && waiter->second->leave_queue()) static_cast<void>(wake(key));
  }
}

void Worker::warm_up(const upstream::Shared& shared) {
  if (const auto kept = pools_.find(&shared); kept != pools_.end())
    kept->second.pool->warm_up(shared.options().warm_up, now());
}

void Worker::steer(const upstream::Shared& shared, std::uint32_t target, bool early) {
  if (const auto kept = pools_.find(&shared); kept != pools_.end())
    kept->second.pool->steer(target, early, now());
}

void Worker::charge_probe(const ChainShared& chain, std::uint32_t calls) {
  if (runtime_ == nullptr) return;
  const auto found = std::ranges::find_if(runtime_->chains, [&chain](const ChainRuntime& each) {
    return each.spec->shared.get() == &chain;
  });
  if (found == runtime_->chains.end()) return;
  const TimePoint time = now();
  for (std::uint32_t i = 0; i < calls; ++i) found->budget.charge(time);
}

void Worker::limit_changed(const upstream::Shared& shared) {
  const auto kept = pools_.find(&shared);
  if (kept == pools_.end()) return;
  const WatchedPool watched = kept->second;
  watched.pool->obey_limit();
  watched.watch->capacity_freed(*watched.pool);
}

void Worker::look_again(ChainRuntime& chain, policy::UpstreamSet among) {
  for (std::size_t u = 0; u < chain.pools.size(); ++u) {
    if ((among & policy::bit_of(u)) == 0) continue;
    // By address only: whoever does not know it has nothing of it to offer.
    const upstream::Shared* shared = &chain.pools[u]->shared();
    // Not from inside the call that is registering: it is told when it is done.
    for (Worker* worker : all_) {
      net::asio::post(worker->loop_.io, [worker, shared] { worker->serve_waiters_of(shared); });
    }
  }
}

}  // namespace sluice::proxy
