// SPDX-License-Identifier: Apache-2.0
#include "proxy/batcher.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/call.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// Calls that may go into the next batch, of as many as there are.
std::size_t size_for(const policy::BatchRule& rule, const upstream::Shared& shared,
                     std::size_t waiting) noexcept {
  const Duration mean = std::chrono::nanoseconds(shared.latency_ns.load(std::memory_order_relaxed));
  return policy::batch_size(rule, mean, waiting);
}

constexpr std::size_t kAny = std::numeric_limits<std::uint32_t>::max();

}  // namespace

bool Batcher::takes(const UpstreamSpec& upstream, TimePoint now) const noexcept {
  const upstream::Shared& shared = *upstream.shared;
  return size_for(upstream.batch, shared, kAny) > 1 &&
         now.time_since_epoch().count() >=
             shared.unbatched_until_ns.load(std::memory_order_relaxed);
}

void Batcher::add(Call& call, upstream::Pool& pool, const UpstreamSpec& upstream, bool fresh) {
  const std::size_t at = find(pool, fresh);
  if (at == gathered_.size())
    gathered_.push_back({&pool, upstream.slot, upstream.batch, fresh, {}});
  gathered_[at].calls.push_back(&call);
  // For strategies that look at it, the call is on its way.
  pool.shared().in_flight.fetch_add(1, std::memory_order_relaxed);
}

std::size_t Batcher::find(const upstream::Pool& pool, bool fresh) const noexcept {
  const auto found = std::ranges::find_if(gathered_, [&pool, fresh](const Gathered& entry) {
    return entry.pool.get() == &pool && entry.fresh == fresh;
  });
  return static_cast<std::size_t>(found - gathered_.begin());
}

bool Batcher::has_begun_and_takes(const upstream::Pool& pool) const noexcept {
  const std::size_t at = find(pool, false);
  return at != gathered_.size() && !gathered_[at].calls.empty() &&
         gathered_[at].calls.size() < size_for(gathered_[at].rule, pool.shared(), kAny);
}

void Batcher::remove(const Call& call) {
  for (Gathered& entry : gathered_) {
    const auto found = std::ranges::find(entry.calls, &call);
    if (found == entry.calls.end()) continue;
    entry.calls.erase(found);
    entry.pool->shared().in_flight.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
}

void Batcher::send_all() {
  // Calls that cannot be sent end or route anew, which may gather others.
  while (!gathered_.empty()) {
    if (gathered_.front().calls.empty()) {
      gathered_.pop_front();
    } else {
      send_some(gathered_.front());
    }
  }
}

void Batcher::send_some(Gathered& from) {
  const TimePoint time = now();
  const std::size_t count = size_for(from.rule, from.pool->shared(), from.calls.size());
  if (count > 1) {
    send_together(from, count, time);
  } else {
    take_first(from).send_alone(time);
  }
}

Call& Batcher::take_first(Gathered& from) {
  Call& call = *from.calls.front();
  from.calls.erase(from.calls.begin());
  from.pool->shared().in_flight.fetch_sub(1, std::memory_order_relaxed);
  return call;
}

void Batcher::send_together(Gathered& from, std::size_t count, TimePoint now) {
  // This may close dead connections, whose places others take, and end calls.
  upstream::Connection* connection = from.fresh ? from.pool->take_fresh(now) : from.pool->take(now);
  count = std::min(count, from.calls.size());
  if (connection == nullptr) {
    if (count != 0) take_first(from).send_alone(now);
    return;
  }
  if (count == 0) {
    from.pool->give_back(*connection);
    return;
  }
  const net::Ref<UpstreamBatch> batch(
      new UpstreamBatch(worker_, connection->shared_owner(), from.slot));
  for (std::size_t i = 0; i < count; ++i) take_first(from).join(*batch, now);
  batch->send(*connection);
}

}  // namespace sluice::proxy
