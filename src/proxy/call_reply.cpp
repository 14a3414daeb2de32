// SPDX-License-Identifier: Apache-2.0
// What an upstream's reply means, and how it reaches the client.
#include <array>
#include <utility>

#include "ethereum/hex.hpp"
#include "ethereum/transaction_hash.hpp"
#include "jsonrpc/envelope_words.hpp"
#include "proxy/call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/filter_id.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

static_assert(ethereum::kMethodClasses <= upstream::kBatchedClass);

std::string_view unquoted(std::string_view token) {
  return token.size() >= 2 && token.front() == '"' ? token.substr(1, token.size() - 2) : token;
}

}  // namespace

policy::Ended ended(ethereum::Outcome outcome) noexcept {
  const ethereum::Action& action = ethereum::action(outcome);
  if (action.throttled) return policy::Ended::kThrottled;
  if (action.counts_as_failure) return policy::Ended::kError;
  // What a client asked for wrongly costs a node next to nothing, and says nothing of it.
  return action.counts_as_success ? policy::Ended::kOk : policy::Ended::kCancelled;
}

bool judge_reply(std::string_view body, std::uint64_t wire_id, const upstream::ReplyHead& head,
                 jsonrpc::ReplyView& view) {
  view = jsonrpc::parse_reply(body);
  if (view.valid && !jsonrpc::id_equals(view.id, wire_id)) {
    // Some nodes answer what they could not read with a null id; anything else belongs to another
    // call.
    view.valid = view.is_error && (view.id.empty() || view.id == "null");
    return false;
  }
  return view.valid || head.status != 200;
}

bool Call::judge(const upstream::ReplyHead& head, std::string_view body) {
  head_ = head;
  const bool sound = judge_reply(body, attempt_.wire_id, head, view_);
  outcome_ = classify(head_, view_);
  if (ethereum::action(outcome_).counts_as_failure) connection_->blame();
  return sound;
}

Duration Call::end(Attempt& attempt, std::size_t outcome, policy::Ended ended, TimePoint now) {
  const Duration took = attempt.took(now);
  chain().balancer->finished(attempt.ticket, ended, now, took);
  attempt.ticket.stats = nullptr;
  // How long a stream takes is up to its client as much as to the node.
  if (ended == policy::Ended::kOk && !stream_begun_)
    attempt.underway.node_took(took, attempt.batched);
  // What all calls of an upstream batch met counts once.
  attempt.underway.end(attempt.echo ? policy::Ended::kCancelled : ended, took, now,
                       exchange_.worker().random());
  exchange_.worker().metrics().attempt_finished(chain().spec->upstreams[attempt.upstream].slot,
                                                outcome, now - attempt.started);
  return took;
}

Duration Call::account_attempt(std::size_t outcome, policy::Ended ended, TimePoint now) {
  upstream_time_ += now - attempt_.started;
  return end(attempt_, outcome, ended, now);
}

void Call::on_batched_reply(const upstream::ReplyHead& head, const jsonrpc::ReplyView& reply,
                            std::uint32_t calls, bool echo) {
  head_ = head;
  view_ = reply;
  attempt_.calls = calls;
  attempt_.echo = echo;
  outcome_ = classify(head_, view_);
  timer_.reset();
  on_reply();
}

void Call::on_reply() {
  const net::Ref<Exchange> hold(&exchange_);
  connection_ = nullptr;
  batch_ = nullptr;
  const TimePoint time = exchange_.worker().loop().recent();
  const ethereum::Action& action = ethereum::action(outcome_);
  if (!action.counts_as_failure && !action.throttled) attempt_.underway.answered();
  const Duration took = account_attempt(attempt_outcome(outcome_), ended(outcome_), time);
  // What all calls of an upstream batch met counts once.
  if (!attempt_.echo) learn(seen(took), time);
  judge_outcome(time);
}

ethereum::Outcome Call::classify(const upstream::ReplyHead& head,
                                 const jsonrpc::ReplyView& view) const {
  if (!view.valid && head.status == 200) return ethereum::Outcome::kNodeFault;
  return ethereum::classify(*method_, {.http_status = head.status,
                                       .is_error = view.valid && view.is_error,
                                       .code = view.code,
                                       .message = view.message,
                                       .data = view.data,
                                       .result = view.valid ? view.result : std::string_view()});
}

Call::Seen Call::seen(Duration took) const noexcept {
  return {.upstream = attempt_.upstream,
          .outcome = outcome_,
          .retry_after_s = head_.retry_after_s,
          .result = view_.result,
          .took = took};
}

void Call::learn(const Seen& seen, TimePoint now) {
  const ethereum::Action& action = ethereum::action(seen.outcome);
  const UpstreamSpec& spec = chain().spec->upstreams[seen.upstream];
  upstream::Shared& shared = *spec.shared;
  constexpr auto relaxed = std::memory_order_relaxed;
  if (action.counts_as_failure) {
    shared.failures.fetch_add(1, relaxed);
    shared.consecutive_failures.fetch_add(1, relaxed);
    shared.failing_classes.fetch_or(1U << static_cast<unsigned>(method_->klass), relaxed);
  } else if (action.counts_as_success) {
    shared.successes.fetch_add(1, relaxed);
    if (shared.outrun.load(relaxed) != 0) shared.outrun.store(0, relaxed);
    if (shared.consecutive_failures.load(relaxed) != 0) {
      shared.consecutive_failures.store(0, relaxed);
      shared.failing_classes.store(0, relaxed);
    }
    shared.observe_latency(seen.took);
  }
  if (action.throttled) {
    exchange_.worker().metrics().throttled(spec.slot);
    const Duration pause = seen.retry_after_s != 0
                               ? Duration(std::chrono::seconds(std::min(seen.retry_after_s, 60U)))
                               : Duration(std::chrono::seconds(1));
    shared.throttled_until_ns.store((now + pause).time_since_epoch().count(), relaxed);
  }
  if (seen.outcome == ethereum::Outcome::kOk &&
      method_->local == ethereum::LocalAnswer::kBlockNumber) {
    if (const auto head = ethereum::parse_quantity(unquoted(seen.result));
        head && *head > shared.head.load(relaxed)) {
      shared.head.store(*head, relaxed);
    }
  }
}

bool Call::worth_retrying(const ethereum::Action& action) const {
  if (!action.retry_elsewhere) return false;
  if (outcome_ != ethereum::Outcome::kNullLater) return true;
  if (null_retried_) return false;
  const std::uint64_t chain_head = chain().spec->shared->head.load(std::memory_order_relaxed);
  // A block that the chain has: some node lags. For a hash, only a node that is further may know
  // more.
  if (block_.number != 0) return block_.number <= chain_head;
  return chain().spec->upstreams[attempt_.upstream].shared->head.load(std::memory_order_relaxed) <
         chain_head;
}

void Call::judge_outcome(TimePoint now) {
  const ethereum::Action& action = ethereum::action(outcome_);
  if (ethereum::means_accepted(outcome_) && (retry_state_.maybe_sent || attempts_ > 1) &&
      deliver_accepted())
    return;
  if (worth_retrying(action)) {
    policy::FailedAttempt failed{.failure = policy::Failure::kJudgedRetryable};
    if (action.throttled) failed.retry_after = std::chrono::seconds(head_.retry_after_s);
    keep_reply(view_, outcome_, attempt_.upstream);
    if (outcome_ == ethereum::Outcome::kNullLater) null_retried_ = true;
    if (retry(failed, RetryReason::kJudged, now)) return;
  }
  if (view_.valid) {
    kept_error_.clear();
    deliver();
    return;
  }
  if (!kept_error_.empty()) {
    deliver();
    return;
  }
  if (ethereum::changes_state(*method_)) {
    deliver_error_after({upstream::Failure::Kind::kProtocol, true, false});
    return;
  }
  if (action.throttled) {
    fail(CallOutcome::kRateLimited, 429, -32005, "the upstreams are over their rate limits",
         "upstream_throttled", std::chrono::seconds(std::max(head_.retry_after_s, 1U)));
    return;
  }
  fail(CallOutcome::kBadReply, 502, -32603, "the upstream's reply is unusable", action.word);
}

void Call::keep_reply(const jsonrpc::ReplyView& reply, ethereum::Outcome outcome,
                      std::uint32_t upstream) {
  if (!reply.valid) return;
  const bool better = kept_error_.empty() ||
                      ethereum::send_error_rank(outcome) > ethereum::send_error_rank(kept_outcome_);
  if (!better) return;
  kept_error_.assign(reply.is_error ? reply.error : reply.result);
  kept_is_error_ = reply.is_error;
  kept_outcome_ = outcome;
  kept_code_ = reply.code;
  kept_upstream_ = upstream;
}

void Call::deliver() {
  std::string_view value = view_.is_error ? view_.error : view_.result;
  bool is_error = view_.is_error;
  std::int64_t code = view_.code;
  if (!kept_error_.empty()) {
    value = kept_error_;
    is_error = kept_is_error_;
    outcome_ = kept_outcome_;
    code = kept_code_;
    attempt_.upstream = kept_upstream_;
  }
  std::optional<std::string> minted;
  if (!is_error && ethereum_creates_filter(*method_)) {
    minted = encode_filter_id(value, chain().spec->upstreams[attempt_.upstream].filter_tag);
    if (minted) value = *minted;
  }
  const std::array<std::string_view, 5> pieces = {
      jsonrpc::kBeforeId, id_.empty() ? "null" : id_,
      is_error ? jsonrpc::kBeforeError : jsonrpc::kBeforeResult, value, jsonrpc::kClose};
  const bool reverted = outcome_ == ethereum::Outcome::kRevert;
  const CallOutcome outcome = reverted   ? CallOutcome::kRevert
                              : is_error ? CallOutcome::kUpstreamError
                                         : CallOutcome::kOk;
  finish(outcome, pieces, 200, static_cast<int>(code));
}

bool Call::deliver_accepted() {
  const auto begin = params_.find('"');
  const auto end = begin == std::string_view::npos ? begin : params_.find('"', begin + 1);
  if (end == std::string_view::npos) return false;
  const auto hash = ethereum::transaction_hash(params_.substr(begin + 1, end - begin - 1));
  if (!hash) return false;
  std::string text = "\"0x";
  ethereum::append_hex(text, *hash);
  text += "\"";
  const std::array<std::string_view, 5> pieces = {jsonrpc::kBeforeId, id_.empty() ? "null" : id_,
                                                  jsonrpc::kBeforeResult, text, jsonrpc::kClose};
  finish(CallOutcome::kOk, pieces, 200, 0);
  return true;
}

}  // namespace sluice::proxy
