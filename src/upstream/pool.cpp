// SPDX-License-Identifier: Apache-2.0
#include "upstream/pool.hpp"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

Pool::Pool(net::Loop& loop, std::shared_ptr<Shared> shared, std::uint32_t connections_min,
           net::Ref<PoolListener> listener)
    : loop_(loop),
      shared_(std::move(shared)),
      connections_min_(connections_min),
      listener_(std::move(listener)) {}

Connection* Pool::take(TimePoint now, bool careful) {
  while (!idle_.empty()) {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    if (now >= connection.expires_at()) {
      connection.close(CloseReason::kAge);
    } else if ((careful || now - connection.idle_since() > kLookAfter) &&
               !connection.looks_alive()) {
      connection.close(CloseReason::kPeerClosed);
    } else {
      return &connection;
    }
  }
  return take_fresh(now);
}

Connection* Pool::take_fresh(TimePoint now) {
  if (closed_ || !shared_->take_permit()) return nullptr;
  connections_.emplace_back(new Connection(loop_, shared_, net::Ref<ConnectionOwner>(this)));
  Connection& connection = *connections_.back();
  listener_->connection_created();
  connection.connect(now);
  return &connection;
}

void Pool::fill(TimePoint now) {
  // No address yet: the name is still being looked up.
  if (shared_->endpoints()->empty()) return;
  if (!shared_->hand.takes_calls()) return;
  while (!retired_ && connections_.size() < connections_min_ && take_fresh(now) != nullptr) {
  }
}

void Pool::close_idle() {
  const net::Ref<Pool> self(this);
  while (!idle_.empty()) {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    connection.close(CloseReason::kRetired);
  }
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
  if (idle_.empty() || shared_->has_permit()) return;
  Connection& connection = *idle_.front();
  idle_.erase(idle_.begin());
  connection.close(CloseReason::kRebalanced);
}

void Pool::close_all() {
  retired_ = closed_ = true;
  const net::Ref<Pool> self(this);
  while (!connections_.empty()) {
    const net::Ref<Connection> connection = connections_.back();
    connection->close(CloseReason::kRetired);
  }
}

void Pool::connection_idle(Connection& connection) {
  if (retired_ || !shared_->hand.takes_calls()) {
    connection.close(CloseReason::kRetired);
    return;
  }
  idle_.push_back(&connection);
  listener_->capacity_freed(*this);
}

void Pool::connection_closed(Connection& connection, CloseReason reason) {
  const net::Ref<Pool> self(this);
  std::erase(idle_, &connection);
  std::erase_if(connections_, [&](const auto& held) { return held.get() == &connection; });
  const bool ceiling_was_full = shared_->return_permit();
  listener_->connection_closed(reason);
  // What only grew old is replaced. What failed is not: the node may refuse it at once again.
  if (reason == CloseReason::kIdleTimeout || reason == CloseReason::kAge) fill(now());
  listener_->capacity_freed(*this);
  if (ceiling_was_full) listener_->ceiling_freed();
}

}  // namespace sluice::upstream
