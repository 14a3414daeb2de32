// SPDX-License-Identifier: Apache-2.0
// What happens when no upstream has room.
#include <bit>
#include <functional>
#include <utility>

#include "proxy/call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// What a client is told that was turned away.
constexpr Duration kShedRetryAfter = std::chrono::milliseconds(250);

}  // namespace

bool Call::await_first_probe(TimePoint now) {
  bool unknown = false;
  for (policy::UpstreamSet left = untried(); left != 0; left &= left - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(left));
    unknown = unknown || !chain().spec->upstreams[i].shared->probed.load();
  }
  const TimePoint until = std::min(deadline_, now + chain().spec->queue_timeout - queue_time_);
  if (!unknown || until <= now) return false;
  awaiting_probe_ = true;
  wait_key_ = exchange_.worker().add_waiter(*this);
  start_waiting(now, until);
  return true;
}

void Call::start_waiting(TimePoint now, TimePoint until) {
  queued_at_ = now;
  set_timer(until);
}

void Call::set_timer(TimePoint until) {
  timer_.emplace(
      exchange_.worker().loop().timers,
      [](void* self) { static_cast<Call*>(self)->on_wait_over(); }, this);
  timer_->set(until);
}

const ChainShared& Call::waits_for() const noexcept {
  return *chain().spec->shared;
}

bool Call::leave_queue() {
  if (std::exchange(awaiting_probe_, false)) return true;
  return waiting_ && chain().spec->shared->queue.cancel(*waiting_);
}

std::uint64_t Call::sharing_client() const noexcept {
  if (exchange_.caller().client != 0) return exchange_.client().slot.index;
  constexpr std::uint64_t kAnonymous = std::uint64_t{1} << 63;
  return std::hash<std::string_view>{}(exchange_.address()) | kAnonymous;
}

void Call::wait(policy::UpstreamSet among, TimePoint now) {
  Worker& worker = exchange_.worker();
  const ChainSpec& spec = *chain().spec;
  // All waits of a call together, however often it is woken in vain.
  const TimePoint until = std::min(deadline_, now + spec.queue_timeout - queue_time_);
  if (until <= now) {
    worker.metrics().queue_rejected(spec.slot, static_cast<std::size_t>(QueueReject::kTimeout));
    wait_timed_out(now);
    return;
  }
  policy::UpstreamSet slots = 0;
  for (policy::UpstreamSet left = among; left != 0; left &= left - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(left));
    slots |= policy::bit_of(spec.upstreams[i].wait_slot);
  }
  wait_key_ = worker.add_waiter(*this);
  const auto pushed = spec.shared->queue.push({.priority = exchange_.caller().priority,
                                               .deadline = until,
                                               .upstreams = slots,
                                               .client = sharing_client(),
                                               .lane = worker.index(),
                                               .call = wait_key_},
                                              now);
  if (!pushed) {
    worker.remove_waiter(wait_key_);
    shed(pushed.error() == policy::PushRefusal::kShed ? QueueReject::kShed : QueueReject::kFull);
    return;
  }
  if (pushed->displaced) worker.send_away(*pushed->displaced);
  waiting_ = pushed->handle;
  start_waiting(now, until);
  // Capacity may have become free between the look and the registration.
  worker.look_again(chain(), among);
}

bool Call::granted(bool together) {
  const net::Ref<Exchange> hold(&exchange_);
  alone_ = !together;
  waiting_.reset();
  timer_.reset();
  const TimePoint time = now();
  account_wait(time);
  route(time);
  return !waiting_;
}

void Call::sent_away(policy::WaitEnd end) {
  const net::Ref<Exchange> hold(&exchange_);
  waiting_.reset();
  const TimePoint time = now();
  account_wait(time);
  if (end == policy::WaitEnd::kExpired) {
    exchange_.worker().metrics().queue_rejected(chain().spec->slot,
                                                static_cast<std::size_t>(QueueReject::kTimeout));
    wait_timed_out(time);
    return;
  }
  shed(end == policy::WaitEnd::kStale ? QueueReject::kStale : QueueReject::kDisplaced);
}

void Call::account_wait(TimePoint now) {
  queue_time_ += now - queued_at_;
  exchange_.worker().metrics().queue_wait(
      chain().spec->slot, static_cast<std::size_t>(exchange_.caller().priority), now - queued_at_);
}

void Call::shed(QueueReject reason) {
  exchange_.worker().metrics().queue_rejected(chain().spec->slot, static_cast<std::size_t>(reason));
  if (fails_as_unknown_write()) return;
  const bool full = reason == QueueReject::kFull || reason == QueueReject::kDisplaced;
  fail(CallOutcome::kShed, 429, -32005,
       full ? "too many calls are waiting" : "more calls come in than can be served",
       full ? "queue_full" : "overload", kShedRetryAfter);
}

void Call::on_wait_over() {
  const net::Ref<Exchange> hold(&exchange_);
  const TimePoint time = now();
  if (const auto batch = std::exchange(batch_, nullptr); batch != nullptr) {
    batch->drop(*this);
    using Kind = upstream::Failure::Kind;
    on_failure({.kind = attempt_.left ? Kind::kTimeout : Kind::kConnectTimeout,
                .maybe_sent = attempt_.left});
    return;
  }
  if (backing_off_) {
    backing_off_ = false;
    timer_.reset();
    retry_now();
    return;
  }
  if (std::exchange(awaiting_probe_, false)) {
    exchange_.worker().remove_waiter(wait_key_);
    queue_time_ += time - queued_at_;
    no_upstream();
    return;
  }
  // Granted already: the grant is on its way from another worker.
  if (!leave_queue()) return;
  waiting_.reset();
  Worker& worker = exchange_.worker();
  worker.remove_waiter(wait_key_);
  account_wait(time);
  worker.metrics().queue_rejected(chain().spec->slot,
                                  static_cast<std::size_t>(QueueReject::kTimeout));
  wait_timed_out(time);
}

void Call::wait_timed_out(TimePoint now) {
  if (now >= deadline_) {
    no_upstream();
    return;
  }
  if (fails_as_unknown_write()) return;
  fail(CallOutcome::kShed, 429, -32005, "no upstream had capacity in time", "queue_timeout",
       kShedRetryAfter);
}

}  // namespace sluice::proxy
