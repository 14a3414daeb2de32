// SPDX-License-Identifier: Apache-2.0
#include "proxy/hedge.hpp"

#include <memory>
#include <utility>

#include "proxy/call.hpp"
#include "proxy/exchange.hpp"

namespace sluice::proxy {

Hedge::~Hedge() {
  if (const auto connection = std::exchange(connection_, nullptr); connection != nullptr) {
    connection->abandon();
  }
}

void Hedge::start(upstream::Connection& connection, std::string_view method,
                  std::string_view params, TimePoint deadline) {
  connection_ = &connection;
  attempt_.left = connection.connected();
  connection.start({.id = attempt_.wire_id, .method = method, .params = params}, *this, deadline);
}

net::Ref<upstream::Connection> Hedge::take_over() noexcept {
  taken_over_ = true;
  return std::exchange(connection_, nullptr);
}

bool Hedge::judge(const upstream::ReplyHead& head, std::string_view body) {
  if (taken_over_) return call_.judge(head, body);
  head_ = head;
  const bool sound = judge_reply(body, attempt_.wire_id, head, view_);
  outcome_ = call_.classify(head_, view_);
  if (ethereum::action(outcome_).counts_as_failure) connection_->blame();
  return sound;
}

void Hedge::on_reply() {
  if (taken_over_) {
    call_.on_reply();
    return;
  }
  connection_ = nullptr;
  // The call may end, and must not take its hedge along from under this function.
  const std::unique_ptr<Hedge> self = call_.release_hedge();
  call_.on_hedge_reply(*this);
}

void Hedge::on_failure(const upstream::Failure& failure) {
  if (taken_over_) {
    call_.on_failure(failure);
    return;
  }
  connection_ = nullptr;
  const std::unique_ptr<Hedge> self = call_.release_hedge();
  call_.on_hedge_failure(*this, failure);
}

void Hedge::on_moved(upstream::Connection& connection) {
  if (taken_over_) {
    call_.on_moved(connection);
  } else {
    connection_ = &connection;
  }
}

void Hedge::on_sent(TimePoint now) {
  if (taken_over_) {
    call_.on_sent(now);
  } else {
    attempt_.leave(now);
  }
}

bool Hedge::may_move() const {
  return taken_over_ ? call_.may_move() : true;
}

bool Hedge::may_hold(std::uint64_t bytes) {
  return call_.may_hold(bytes);
}

bool Hedge::stream_begin(const upstream::ReplyHead& head) {
  if (!taken_over_) {
    // An error is held, and judged beside the first attempt.
    if (head.status != 200) return false;
    // So much of a reply is as good as an answer.
    call_.adopt(*this);
  }
  return call_.stream_begin(head);
}

bool Hedge::stream_data(std::string_view bytes) {
  return call_.stream_data(bytes);
}

bool Hedge::stream_end() {
  return call_.stream_end();
}

}  // namespace sluice::proxy
