// SPDX-License-Identifier: Apache-2.0
// Who waits for capacity, and how what becomes free finds them, on this worker or on another.
#include <utility>

#include <boost/asio/post.hpp>

#include "proxy/worker.hpp"

namespace sluice::proxy {

std::uint64_t Worker::add_waiter(Call& call) {
  waiters_.emplace(++wait_key_, &call);
  return wait_key_;
}

void Worker::capacity_freed(const upstream::Shared& shared) {
  const auto place = places_.find(&shared);
  if (place == places_.end() || runtime_ == nullptr) return;
  if (!runtime_->snapshot->chains[place->second.chain].shared->queue.waiting()) return;
  serve_waiters(place->second);
}

void Worker::serve_waiters(Place place) {
  ChainRuntime& chain = runtime_->chains[place.chain];
  upstream::Pool& pool = *chain.pools[place.upstream];
  if (!pool.has_room()) return;
  const auto granted = chain.spec->shared->queue.pop_for(place.upstream);
  if (!granted) return;
  const auto worker = static_cast<unsigned>(granted->waiter.client);
  if (worker == index_) {
    this->granted(granted->waiter.call, place);
    return;
  }
  // The waiter lives on another worker: it cannot use our connection, but it can dial in its place.
  pool.give_up_idle();
  net::asio::post(all_[worker]->loop_.io, [other = all_[worker], key = granted->waiter.call,
                                           place] { other->granted(key, place); });
}

void Worker::granted(std::uint64_t key, Place place) {
  const auto waiter = waiters_.find(key);
  if (waiter == waiters_.end()) {
    // It gave up while the grant was on its way: somebody else may want the place.
    if (runtime_ != nullptr && place.chain < runtime_->chains.size() &&
        place.upstream < runtime_->chains[place.chain].pools.size()) {
      serve_waiters(place);
    }
    return;
  }
  Call& call = *waiter->second;
  waiters_.erase(waiter);
  call.granted();
}

void Worker::standing_changed(const upstream::Shared& shared, bool abandon) {
  const auto place = places_.find(&shared);
  if (place == places_.end() || runtime_ == nullptr) return;
  const std::shared_ptr<ChainShared> waited_for =
      runtime_->snapshot->chains[place->second.chain].shared;
  if (const auto pool = pools_.find(&shared); pool != pools_.end()) {
    const net::Ref<upstream::Pool> hold = pool->second;
    if (abandon) hold->upstream_lost();
    if (shared.in_rotation.load()) hold->fill(now());
  }
  // Routing may end calls, and register them anew.
  std::vector<std::uint64_t> keys;
  for (const auto& [key, call] : waiters_) {
    if (&call->waits_for() == waited_for.get()) keys.push_back(key);
  }
  for (const std::uint64_t key : keys) {
    const auto waiter = waiters_.find(key);
    if (waiter == waiters_.end()) continue;
    Call& call = *waiter->second;
    if (!call.leave_queue()) continue;
    waiters_.erase(waiter);
    call.granted();
  }
}

void Worker::look_again(ChainRuntime& chain, policy::UpstreamSet among) {
  for (std::size_t u = 0; u < chain.pools.size(); ++u) {
    if ((among & policy::bit_of(u)) == 0) continue;
    const upstream::Shared* shared = &chain.pools[u]->shared();
    const auto place = places_.find(shared);
    if (place == places_.end()) continue;
    // Not from inside the call that is registering: it is told when it is done.
    net::asio::post(loop_.io, [this, at = place->second] {
      if (runtime_ != nullptr) serve_waiters(at);
    });
    for (Worker* other : all_) {
      if (other == this) continue;
      net::asio::post(other->loop_.io, [other, shared] { other->offer_idle(shared); });
    }
  }
}

void Worker::offer_idle(const upstream::Shared* shared) {
  const auto place = places_.find(shared);
  if (place == places_.end() || runtime_ == nullptr) return;
  if (runtime_->chains[place->second.chain].pools[place->second.upstream]->has_idle())
    serve_waiters(place->second);
}

}  // namespace sluice::proxy
