// SPDX-License-Identifier: Apache-2.0
// A reply too large to be held: relayed as it comes.
#include <array>
#include <utility>

#include "jsonrpc/envelope_words.hpp"
#include "proxy/call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/filter_id.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

bool Call::stream_begin(const upstream::ReplyHead& head) {
  head_ = head;
  if (head.status != 200 || notification() || !exchange_.can_stream() ||
      ethereum_creates_filter(*method_))
    return false;
  stream_ = std::make_unique<jsonrpc::ReplyStream>(attempt_.wire_id);
  return true;
}

bool Call::stream_data(std::string_view bytes) {
  const net::Ref<Exchange> hold(&exchange_);
  if (done_) return false;
  const auto step = stream_->feed(bytes);
  if (step.state == jsonrpc::ReplyStream::State::kBad) {
    connection_ = nullptr;
    on_bad_stream();
    return false;
  }
  if (step.relay.empty()) return true;
  if (!stream_begun_) {
    stream_begun_ = true;
    drop_hedge();
    const bool is_error = step.member == jsonrpc::ReplyStream::Member::kError;
    outcome_ = is_error ? ethereum::Outcome::kUnknownError : ethereum::Outcome::kOk;
    const std::array<std::string_view, 3> prefix = {
        jsonrpc::kBeforeId, id_, is_error ? jsonrpc::kBeforeError : jsonrpc::kBeforeResult};
    exchange_.responder().stream_begin(
        {.status = 200, .headers = exchange_.headers(*this, now()), .body = prefix}, *this);
    if (done_) return false;
  }
  stream_bytes_ += step.relay.size();
  if (!exchange_.responder().stream(step.relay)) connection_->pause();
  return !done_;
}

void Call::cut_stream() {
  done_ = true;
  exchange_.responder().stream_abort();
  account(CallOutcome::kBadReply, 200, 0, stream_bytes_);
  exchange_.streamed();
}

void Call::on_bad_stream() {
  const TimePoint time = now();
  outcome_ = ethereum::Outcome::kNodeFault;
  learn(seen(account_attempt(attempt_outcome(outcome_), ended(outcome_), time)), time);
  if (stream_begun_) {
    cut_stream();
    return;
  }
  view_ = {};
  judge_outcome(time);
}

bool Call::stream_end() {
  const net::Ref<Exchange> hold(&exchange_);
  connection_ = nullptr;
  if (done_) return false;
  if (!stream_->finish() || !stream_begun_) {
    on_bad_stream();
    return false;
  }
  const TimePoint time = now();
  learn(seen(account_attempt(attempt_outcome(outcome_), ended(outcome_), time)), time);
  done_ = true;
  account(outcome_ == ethereum::Outcome::kOk ? CallOutcome::kOk : CallOutcome::kUpstreamError, 200,
          0, stream_bytes_);
  exchange_.responder().stream_end(jsonrpc::kClose);
  exchange_.streamed();
  return true;
}

void Call::client_writable() {
  if (connection_ != nullptr) connection_->resume();
}

void Call::client_gone() {
  const net::Ref<Exchange> hold(&exchange_);
  if (done_) return;
  done_ = true;
  account_attempt(kAttemptCancelled, policy::Ended::kCancelled, now());
  let_go();
  account(CallOutcome::kCancelled, 499, 0, stream_bytes_);
  exchange_.streamed();
}

}  // namespace sluice::proxy
