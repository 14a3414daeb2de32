// SPDX-License-Identifier: Apache-2.0
// How calls leave a connection, and how it ends.
#include <utility>

#include "upstream/connection.hpp"

namespace sluice::upstream {

void Connection::abandon() noexcept {
  if (sink_ == nullptr) return;
  sink_ = nullptr;
  uncount_calls();
  if (state_ == State::kConnecting && dialled_) {
    // Dialled for a call that is gone: the connection will serve another.
    dial_on(now());
    return;
  }
  close(CloseReason::kAbandoned);
}

void Connection::take_call_of(Connection& from) {
  const net::Ref<Connection> other(&from);
  AttemptSink& sink = *std::exchange(from.sink_, nullptr);
  from.uncount_calls();
  if (!from.dialled_) {
    from.close(CloseReason::kExcess);
  } else {
    from.dial_on(loop_.recent());
  }
  start(from.request_, sink, from.call_deadline_);
  sink.on_moved(*this);
  sink.on_sent(loop_.recent());
}

void Connection::fail_parked() {
  if (sink_ != nullptr) fail(Failure::Kind::kConnectTimeout, CloseReason::kConnectFailed, true);
}

void Connection::drain(CloseReason reason) {
  if (state_ == State::kIdle || (state_ == State::kConnecting && !awaited())) {
    close(reason);
  } else if (!std::exchange(draining_, true)) {
    drain_reason_ = reason;
    shared_->draining->fetch_add(1, std::memory_order_relaxed);
  }
}

void Connection::upstream_lost() {
  if (state_ == State::kIdle) {
    close(CloseReason::kUpstreamLost);
  } else if (sink_ != nullptr && sink_->may_move()) {
    fail(Failure::Kind::kUpstreamLost, CloseReason::kUpstreamLost);
  }
}

void Connection::close(CloseReason reason) {
  if (state_ == State::kClosed) return;
  const net::Ref<Connection> self(this);
  if (dialled_ && !connected_) shared_->connecting.fetch_sub(1, std::memory_order_relaxed);
  if (draining_) shared_->draining->fetch_sub(1, std::memory_order_relaxed);
  state_ = State::kClosed;
  deadline_.clear();
  if (stream_ != nullptr) stream_->close();
  const net::Ref<ConnectionOwner> owner = std::move(owner_);
  owner->connection_closed(*this, reason);
}

void Connection::fail(Failure::Kind kind, CloseReason reason, bool echo) {
  const net::Ref<Connection> self(this);
  AttemptSink* sink = std::exchange(sink_, nullptr);
  const Failure failure{.kind = kind,
                        .maybe_sent = sent_,
                        .stale = reused_ && !reply_begun_ && kind == Failure::Kind::kClosed,
                        .echo = echo};
  if (sink != nullptr) uncount_calls();
  // Nobody else is there to tell of it.
  if (sink == nullptr && !connected_) {
    shared_->connect_failures.fetch_add(1, std::memory_order_relaxed);
    shared_->consecutive_connect_failures.fetch_add(1, std::memory_order_relaxed);
  }
  close(reason);
  if (sink != nullptr) sink->on_failure(failure);
}

}  // namespace sluice::upstream
