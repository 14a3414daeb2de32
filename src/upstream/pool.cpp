// SPDX-License-Identifier: Apache-2.0
#include "upstream/pool.hpp"

#include <algorithm>
#include <utility>

#include "upstream/verification.hpp"

namespace sluice::upstream {

Pool::Pool(net::Loop& loop, std::shared_ptr<Shared> shared, std::uint32_t target,
           net::Ref<PoolListener> listener, PoolPlace place)
    : loop_(loop),
      shared_(std::move(shared)),
      part_(shared_->parts()[place.worker]),
      place_(place),
      listener_(std::move(listener)),
      random_(random_seed()),
      plan_(static_cast<std::uint32_t>(place.workers), shared_->options().dials_ahead),
      target_(target) {}

Connection* Pool::take(TimePoint now, bool careful) {
  plan_.called();
  while (!idle_.empty()) {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    if (now >= connection.expires_at()) {
      connection.close(CloseReason::kAge);
    } else if ((careful || now - connection.idle_since() > Connection::kLookAfter) &&
               !connection.looks_alive()) {
      connection.close(CloseReason::kPeerClosed);
    } else {
      note_busy();
      if (idle_.empty() && plan_.dials_ahead()) dial_more(now);
      return &connection;
    }
  }
  return wait_for_one(now, careful);
}

Connection* Pool::make() {
  if (closed_ || !shared_->take_permit()) return nullptr;
  connections_.emplace_back(new Connection(loop_, shared_, net::Ref<ConnectionOwner>(this)));
  ++unconnected_;
  shared_->parked.fetch_add(1, std::memory_order_relaxed);
  return connections_.back().get();
}

void Pool::dial(Connection& connection, TimePoint now) {
  shared_->parked.fetch_sub(1, std::memory_order_relaxed);
  ++connecting_;
  note_open();
  listener_->connection_created();
  connection.connect(now, policy::jittered_age(shared_->options().age_max, random_.uniform()));
}

Connection* Pool::take_fresh(TimePoint now) {
  Connection* connection = make();
  if (connection == nullptr) return nullptr;
  connection->reserve(true);
  dial(*connection, now);
  return connection;
}

Connection* Pool::wait_for_one(TimePoint now, bool careful) {
  Connection* connection = make();
  if (connection == nullptr) {
    if (shared_->at_limit()) shared_->held_back.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  connection->reserve(careful);
  awaited_.push_back(connection);
  dial_more(now);
  return connection;
}

void Pool::give_back(Connection& connection) {
  connection.unreserve();
  if (connection.state() == Connection::State::kIdle) {
    connection_idle(connection, Duration::zero());
  } else if (connection.parked()) {
    connection.close(CloseReason::kExcess);
  }
}

policy::PoolCount Pool::count() {
  std::erase_if(awaited_, [](const Connection* connection) { return !connection->awaited(); });
  const auto waiting = static_cast<std::uint32_t>(awaited_.size());
  return {.busy = busy(),
          .idle = static_cast<std::uint32_t>(idle_.size() + trials_.size()),
          .connecting = connecting_,
          .waiting = waiting,
          .target = retired_ ? 0 : std::max(target_, connected() + warming_)};
}

void Pool::dial_more(TimePoint now) {
  std::uint32_t dials = plan_.dials(count(), now);
  if (dials == 0) return;
  // Not while the name is still being looked up, unless a call waits, which is to be told.
  const bool nowhere = shared_->endpoints()->empty();
  for (std::size_t i = 0; i < awaited_.size() && dials > 0; ++i) {
    if (!awaited_[i]->parked()) continue;
    dial(*awaited_[i], now);
    --dials;
  }
  while (!nowhere && !retired_ && dials > 0) {
    Connection* connection = make();
    if (connection == nullptr) return;
    dial(*connection, now);
    --dials;
  }
}

void Pool::fill(TimePoint now) {
  if (closed_ || shared_->endpoints()->empty() || !shared_->hand.takes_calls()) return;
  dial_more(now);
}

void Pool::steer(std::uint32_t target, bool early, TimePoint now) {
  const net::Ref<Pool> self(this);
  target_ = target;
  const std::uint32_t missing = target > connected() ? target - connected() : 0;
  const bool tried = early && shared_->options().warm_up_verified;
  untried_ = tried ? missing : std::min(untried_, missing);
  const std::uint32_t have = connected() + connecting_;
  for (std::uint32_t over = have > target ? have - target : 0; over > 0 && !idle_.empty(); --over)
    close_oldest_idle(CloseReason::kExcess);
  fill(now);
}

void Pool::warm_up(std::uint32_t connections, TimePoint now) {
  const std::uint32_t wanted = place_.share(connections);
  warming_ = wanted > connected() ? wanted - connected() : 0;
  fill(now);
}

void Pool::close_idle() {
  const net::Ref<Pool> self(this);
  const std::vector<net::Ref<Connection>> held = connections_;
  for (const auto& connection : held) connection->drain(CloseReason::kRetired);
}

void Pool::retire() {
  retired_ = true;
  close_idle();
}

void Pool::upstream_lost() {
  const net::Ref<Pool> self(this);
  // Each may take others along: a call that moves on may end its whole exchange.
  const std::vector<net::Ref<Connection>> held = connections_;
  for (const auto& connection : held) connection->upstream_lost();
}

void Pool::make_permit() {
  // More than one where the limit has fallen below what there is.
  while (!idle_.empty() && !shared_->has_permit()) close_oldest_idle(CloseReason::kRebalanced);
}

void Pool::obey_limit() {
  const net::Ref<Pool> self(this);
  while (!idle_.empty() && shared_->above_limit()) close_oldest_idle(CloseReason::kExcess);
}

void Pool::close_oldest_idle(CloseReason reason) {
  Connection& connection = *idle_.front();
  idle_.erase(idle_.begin());
  connection.close(reason);
}

void Pool::close_all() {
  retired_ = closed_ = true;
  const net::Ref<Pool> self(this);
  while (!connections_.empty()) {
    const net::Ref<Connection> connection = connections_.back();
    connection->close(CloseReason::kRetired);
  }
  trials_.clear();
  note_trials();
}

void Pool::note_busy() noexcept {
  const std::uint32_t now_busy = busy();
  part_.busy.store(now_busy, std::memory_order_relaxed);
  if (now_busy > part_.peak.load(std::memory_order_relaxed))
    part_.peak.store(now_busy, std::memory_order_relaxed);
}

void Pool::note_open() noexcept {
  part_.open.store(connected() + connecting_, std::memory_order_relaxed);
}

void Pool::note_trials() noexcept {
  part_.trials.store(static_cast<std::uint32_t>(trials_.size()), std::memory_order_relaxed);
}

/// Compared with the rest of its pool, and only now and then, since a mean moves slowly.
bool Pool::is_bad(const Connection& connection) const noexcept {
  constexpr std::uint64_t kSeldom = 15;
  const policy::ConnectionRecord& record = connection.record();
  if (record.consecutive_errors() < policy::ConnectionRecord::kErrorsMax &&
      (record.requests() & kSeldom) != 0) {
    return false;
  }
  const Duration mean(static_cast<Duration::rep>(plan_.response_s() * 1e9));
  return record.verdict(mean) != policy::ConnectionRecord::Verdict::kGood;
}

Connection* Pool::first_awaited() {
  while (!awaited_.empty()) {
    Connection* const first = awaited_.front();
    if (first->awaited()) return first;
    awaited_.erase(awaited_.begin());
  }
  return nullptr;
}

void Pool::connection_idle(Connection& connection, Duration took) {
  if (retired_ || !shared_->hand.takes_calls()) {
    connection.close(CloseReason::kRetired);
    return;
  }
  if (took > Duration::zero()) {
    plan_.answered(took);
    if (is_bad(connection)) {
      connection.close(CloseReason::kBad);
      return;
    }
  }
  if (shared_->above_limit()) {
    if (took > Duration::zero()) listener_->place_withdrawn();
    connection.close(CloseReason::kExcess);
    return;
  }
  if (!awaited_.empty()) {
    Connection* const first = first_awaited();
    if (first != nullptr) {
      if (first->careful() && !connection.looks_alive()) {
        connection.close(CloseReason::kPeerClosed);
        return;
      }
      awaited_.erase(awaited_.begin());
      connection.take_call_of(*first);
      note_busy();
      return;
    }
  }
  if (untried_ != 0 && took == Duration::zero()) {
    --untried_;
    trials_.emplace_back(new Verification(*this, listener_->chain_id()));
    note_trials();
    trials_.back()->run(connection, loop_.recent() + shared_->options().connect_timeout);
    return;
  }
  idle_.push_back(&connection);
  part_.busy.store(busy(), std::memory_order_relaxed);
  listener_->capacity_freed(*this);
}

void Pool::verified(Verification& trial, bool well) {
  std::erase_if(trials_, [&](const auto& held) { return held.get() == &trial; });
  note_trials();
  part_.busy.store(busy(), std::memory_order_relaxed);
  if (!well) shared_->warm_ups_failed.fetch_add(1, std::memory_order_relaxed);
  listener_->warmed_up(well, 1);
}

/// One of those that are to be ready before calls come. With a call already, it is tried by that.
void Pool::count_as_warm(const Connection& connection) {
  --warming_;
  if (shared_->options().warm_up_verified && connection.state() == Connection::State::kIdle) {
    ++untried_;
  } else {
    listener_->warmed_up(true, 0);
  }
}

void Pool::connection_established(Connection& connection) {
  --unconnected_;
  --connecting_;
  note_open();
  // What is dialled ahead of calls is not busy, and must not look like it for a moment.
  if (connection.state() == Connection::State::kBusy) note_busy();
  if (warming_ != 0) count_as_warm(connection);
  static_cast<void>(first_awaited());
  shared_->observe_handshake(connection.handshake_time());
  plan_.established(connection.handshake_time(), !awaited_.empty());
  if (!awaited_.empty() || connecting_ < warming_ || connected() + connecting_ < target_)
    dial_more(loop_.recent());
}

void Pool::connection_closed(Connection& connection, CloseReason reason) {
  const net::Ref<Pool> self(this);
  const bool connected = connection.connected();
  const bool dialled = connection.dialled();
  std::erase(idle_, &connection);
  if (!connected) {
    std::erase(awaited_, &connection);
    --unconnected_;
    if (dialled) --connecting_;
    if (!dialled) shared_->parked.fetch_sub(1, std::memory_order_relaxed);
  }
  std::erase_if(connections_, [&](const auto& held) { return held.get() == &connection; });
  note_open();
  part_.busy.store(busy(), std::memory_order_relaxed);
  const bool ceiling_was_full = shared_->return_permit();
  if (dialled) listener_->connection_closed(reason);
  if (dialled && !connected && reason == CloseReason::kConnectFailed) {
    plan_.failed();
    if (warming_ != 0) {
      --warming_;
      shared_->warm_ups_failed.fetch_add(1, std::memory_order_relaxed);
      listener_->warmed_up(false, 0);
    }
    give_up_parked();
  } else if (reason == CloseReason::kIdleTimeout || reason == CloseReason::kAge ||
             reason == CloseReason::kBad) {
    // What only grew old is replaced. What failed is not: the node may refuse it at once again.
    fill(now());
  }
  if (!awaited_.empty() && !closed_) dial_more(now());
  listener_->capacity_freed(*this);
  if (ceiling_was_full) listener_->ceiling_freed();
}

/// Where no connection is there and none could be made, calls that wait for one are better off
/// elsewhere.
void Pool::give_up_parked() {
  if (connecting_ != 0 || connected() != 0) return;
  std::vector<net::Ref<Connection>> waiting;
  for (Connection* connection : awaited_) waiting.emplace_back(connection);
  for (const auto& connection : waiting) connection->fail_parked();
}

}  // namespace sluice::upstream
