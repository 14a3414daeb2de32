// SPDX-License-Identifier: Apache-2.0
// What follows when an attempt fails: for the upstream's standing, for the call, for its client.
#include <bit>
#include <utility>

#include "proxy/call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

policy::Resend resend_of(const ethereum::Method& method) {
  switch (method.resend) {
    case ethereum::Resend::kFreely:
      return policy::Resend::kFreely;
    case ethereum::Resend::kRetry:
      return policy::Resend::kRetry;
    case ethereum::Resend::kByHash:
      return policy::Resend::kByHash;
    case ethereum::Resend::kPinned:
      return policy::Resend::kPinned;
    case ethereum::Resend::kNever:
      break;
  }
  return policy::Resend::kNever;
}

/// A node that fails to answer a light call within this time has a problem, or four times its mean
/// where that is longer; the second while nothing is known of it.
constexpr Duration kFairTimeMin = std::chrono::milliseconds(100);
constexpr Duration kFairTimeUnknown = std::chrono::seconds(1);

}  // namespace

void Call::on_failure(const upstream::Failure& failure) {
  const net::Ref<Exchange> hold(&exchange_);
  connection_ = nullptr;
  batch_ = nullptr;
  timer_.reset();
  if (done_) return;
  const TimePoint time = now();
  using Kind = upstream::Failure::Kind;
  if (!failure.maybe_sent) attempt_.underway.not_reached();
  account_attempt(attempt_outcome(failure.kind), learn_failure(attempt_, failure, time), time);
  if (failure.kind == Kind::kTooLarge) {
    // The limit is ours: no fault of the node's, and another one's reply would be no smaller.
    deliver_error_after(failure);
    return;
  }
  if (stream_begun_) {
    cut_stream();
    return;
  }
  policy::FailedAttempt failed{.failure = policy::Failure::kMaybeSent,
                               .bytes_written = failure.maybe_sent};
  RetryReason reason = RetryReason::kFailed;
  if (failure.stale) {
    failed.failure = policy::Failure::kStaleConnection;
    reason = RetryReason::kStale;
  } else if (!failure.maybe_sent) {
    failed.failure = policy::Failure::kSurelyNotSent;
    reason = RetryReason::kNotSent;
  } else if (failure.kind == Kind::kUpstreamLost) {
    failed.failure = policy::Failure::kUpstreamLost;
    reason = RetryReason::kUpstreamLost;
  }
  if (retry(failed, reason, time)) return;
  deliver_error_after(failure);
}

policy::Ended Call::learn_failure(const Attempt& attempt, const upstream::Failure& failure,
                                  TimePoint now) {
  using Kind = upstream::Failure::Kind;
  if (failure.stale || failure.echo || failure.kind == Kind::kUpstreamLost ||
      failure.kind == Kind::kTooLarge || !had_fair_time(attempt, failure.kind, now)) {
    return policy::Ended::kCancelled;
  }
  upstream::Shared& shared = *chain().spec->upstreams[attempt.upstream].shared;
  constexpr auto relaxed = std::memory_order_relaxed;
  shared.failures.fetch_add(1, relaxed);
  shared.consecutive_failures.fetch_add(1, relaxed);
  shared.failing_classes.fetch_or(1U << static_cast<unsigned>(method_->klass), relaxed);
  if (failure.kind == Kind::kConnect || failure.kind == Kind::kConnectTimeout ||
      failure.kind == Kind::kTls) {
    shared.connect_failures.fetch_add(1, relaxed);
    shared.consecutive_connect_failures.fetch_add(1, relaxed);
  }
  return policy::Ended::kError;
}

/// Whether a failure says something of the node: a client in haste must not put nodes out for
/// everybody, so that a timeout counts only after the time that was meant for the attempt, or for a
/// light call one that this node hardly ever needs.
bool Call::had_fair_time(const Attempt& attempt, upstream::Failure::Kind kind,
                         TimePoint now) const {
  using Kind = upstream::Failure::Kind;
  // The wheel's tick.
  const Duration took = now - attempt.sent + std::chrono::milliseconds(1);
  const upstream::Shared& shared = *chain().spec->upstreams[attempt.upstream].shared;
  if (kind == Kind::kConnectTimeout) return took >= shared.options().connect_timeout;
  // The wait for its connection was taken from the time that was meant for it.
  const Duration meant = exchange_.snapshot().limits.attempt_timeout -
                         std::min(attempt.sent - attempt.started, shared.options().connect_timeout);
  if (kind != Kind::kTimeout || took >= meant) return true;
  if (method_->cost > ethereum::CostClass::kMedium) return false;
  const Duration mean = std::chrono::nanoseconds(shared.latency_ns.load(std::memory_order_relaxed));
  return took >= (mean == Duration::zero() ? kFairTimeUnknown : std::max(4 * mean, kFairTimeMin));
}

/// What half of such calls take on the quickest of them; zero where nothing is known.
Duration Call::usual_among(policy::UpstreamSet set) const {
  Duration least{0};
  for (; set != 0; set &= set - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(set));
    const Duration its =
        chain().spec->upstreams[i].shared->usual(static_cast<std::size_t>(method_->klass));
    if (its == Duration::zero()) return its;
    if (least == Duration::zero() || its < least) least = its;
  }
  return least;
}

bool Call::retry(policy::FailedAttempt failed, RetryReason reason, TimePoint now) {
  // There is another attempt already: it is waited for.
  if (hedge_under_way()) return true;
  // For another answer than the one there is, only an upstream in rotation is worth asking.
  const Fit least =
      failed.failure == policy::Failure::kJudgedRetryable ? Fit::kInRotation : Fit::kLastResort;
  const policy::UpstreamSet others = eligible(untried(), now, least);
  failed.other_upstream_left = others != 0;
  failed.expected = usual_among(others);
  // The same node again would give the same answer: only another one is worth asking.
  if (failed.failure == policy::Failure::kJudgedRetryable && !failed.other_upstream_left &&
      !ethereum::action(outcome_).counts_as_failure && !ethereum::action(outcome_).throttled) {
    return false;
  }
  // Rather than be held for long, a client is told when to come again.
  if (!failed.other_upstream_left && failed.retry_after > chain().spec->queue_timeout) return false;
  const auto decision =
      policy::decide(chain().spec->retry, retry_state_, failed, resend_of(*method_), now, deadline_,
                     chain().budget, exchange_.worker().random());
  if (decision.action == policy::RetryAction::kGiveUp) return false;
  exchange_.worker().metrics().retry(chain().spec->slot, static_cast<std::size_t>(reason));
  if (decision.action == policy::RetryAction::kReplaySame) {
    if (attempt(attempt_.upstream, now, true)) return true;
    // A waiter has got the dead connection's place: this call waits for one in turn.
    tried_ &= ~policy::bit_of(attempt_.upstream);
    route(now);
    return true;
  }
  if (decision.backoff == Duration::zero()) {
    retry_now();
    return true;
  }
  backing_off_ = true;
  set_timer(now + decision.backoff);
  return true;
}

bool Call::may_hold(std::uint64_t bytes) {
  return exchange_.count_memory(bytes);
}

bool Call::may_move() const {
  const policy::Resend resend = resend_of(*method_);
  const bool fits = resend != policy::Resend::kPinned && resend != policy::Resend::kNever;
  if (done_ || stream_begun_ || !fits || retry_state_.retries >= chain().spec->retry.retries_max) {
    return false;
  }
  const TimePoint time = now();
  return time < deadline_ &&
         eligible(allowed_ & ~policy::bit_of(attempt_.upstream), time, Fit::kLastResort) != 0;
}

/// A write that a node may have executed ends so, whatever becomes of it afterwards.
bool Call::fails_as_unknown_write() {
  if (!ethereum::changes_state(*method_) || !retry_state_.maybe_sent) return false;
  fail(CallOutcome::kUnknownWrite, 200, -32000,
       "the outcome is unknown: an upstream may have executed the call; look it up before sending "
       "it again",
       "outcome_unknown");
  return true;
}

void Call::deliver_error_after(const upstream::Failure& failure) {
  using Kind = upstream::Failure::Kind;
  if (!kept_error_.empty()) {
    deliver();
    return;
  }
  if (failure.maybe_sent) retry_state_.maybe_sent = true;
  if (fails_as_unknown_write()) return;
  switch (failure.kind) {
    case Kind::kTimeout:
    case Kind::kConnectTimeout:
      if (now() >= deadline_ || failure.kind == Kind::kTimeout) {
        fail(CallOutcome::kTimeout, 504, -32603, "no upstream answered in time",
             word(failure.kind));
        return;
      }
      [[fallthrough]];
    case Kind::kConnect:
    case Kind::kTls:
    case Kind::kUpstreamLost:
      fail(CallOutcome::kUnavailable, 503, -32603, "no upstream can be reached", word(failure.kind),
           std::chrono::seconds(1));
      return;
    case Kind::kTooLarge:
      // geth's words and code, as for a batch whose replies together are too large.
      fail(CallOutcome::kBadReply, 200, -32003, "response too large", word(failure.kind));
      return;
    case Kind::kClosed:
    case Kind::kProtocol:
      fail(CallOutcome::kBadReply, 502, -32603, "the upstream's reply is unusable",
           word(failure.kind));
      return;
  }
}

}  // namespace sluice::proxy
