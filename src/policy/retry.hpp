// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace sluice::policy {

/// Extra attempts as a share of calls, so that a failing pool never gets more than `1 + ratio`
/// times its load. Retries, hedges and probes share it, since all three amplify. Each call deposits
/// `ratio`, each extra attempt withdraws 1; what is not spent fades with time constant `ttl` (the
/// shape of Finagle's retry budget), and `floor_per_s` trickles in so that a quiet client may retry
/// at all. Within a time t the
/// withdrawals are at most floor_per_s * (ttl + t) + ratio * (calls within t, plus those not yet
/// faded). One per worker and chain; not thread-safe.
class RetryBudget {
 public:
  struct Options {
    double ratio = 0.1;
    double floor_per_s = 3.0;
    Duration ttl = std::chrono::seconds(10);
  };

  RetryBudget(const Options& options, TimePoint now) noexcept;

  /// Once per call, not per attempt.
  void on_call(TimePoint now) noexcept;
  /// True and one withdrawn, or false and nothing changed. At least `keep` is left for what matters
  /// more.
  [[nodiscard]] bool try_spend(TimePoint now, double keep = 0.0) noexcept;
  /// A probe, which is made in any case: withdraws 1, or what there is beyond resting(): of what
  /// calls have brought. The floor is for quiet clients, whom many upstreams would else cost all
  /// their retries.
  void charge(TimePoint now) noexcept;
  [[nodiscard]] double balance(TimePoint now) const noexcept;
  /// What it holds after a long time without calls.
  [[nodiscard]] double resting() const noexcept;

 private:
  void settle(TimePoint now) noexcept;

  Options options_;
  TimePoint settled_;
  double balance_;
};

/// What may be done with a method once its bytes may have reached a node.
enum class Resend : std::uint8_t {
  kFreely,  ///< reads
  kRetry,   ///< heavy reads: retried, never hedged
  kByHash,  ///< broadcasts that nodes recognise by hash
  kPinned,  ///< belongs to one upstream's state; never after bytes were written
  kNever,
};

enum class Failure : std::uint8_t {
  kSurelyNotSent,    ///< no byte of the call reached the upstream
  kMaybeSent,        ///< timed out or cut off: it may have run
  kJudgedRetryable,  ///< a complete reply that another upstream may better
  kStaleConnection,  ///< a kept-alive connection died before a byte of the reply
  kUpstreamLost,  ///< its upstream left the rotation while the call was under way: it may have run
};

struct RetryPolicy {
  std::uint32_t retries_max = 2;
  Duration backoff = std::chrono::milliseconds(25);
  Duration backoff_max = std::chrono::seconds(1);
};

/// Of one call, from its first attempt on; the caller keeps it and hands it in at each failure.
struct RetryState {
  std::uint32_t retries = 0;
  /// At most one for each upstream that the call was sent to.
  std::uint32_t replays = 0;
  /// Some attempt may have run: if the call fails, a write's outcome is unknown.
  bool maybe_sent = false;
};

/// How the latest attempt failed.
struct FailedAttempt {
  Failure failure = Failure::kMaybeSent;
  /// Whether bytes of the call were written before a kept-alive connection died.
  bool bytes_written = true;
  /// Whether an eligible upstream is left that this call has not tried.
  bool other_upstream_left = false;
  /// The wait that a throttled reply asked for; 0 when none.
  Duration retry_after{0};
  /// What half of the method's calls take; 0 when unknown.
  Duration expected{0};
};

enum class RetryAction : std::uint8_t {
  /// Route again, to an untried upstream if there is one.
  kElsewhere,
  /// Once more to the same upstream, on a fresh connection.
  kReplaySame,
  kGiveUp,
};

enum class GiveUp : std::uint8_t { kNone, kMethod, kAttempts, kDeadline, kBudget };

struct RetryDecision {
  RetryAction action = RetryAction::kGiveUp;
  GiveUp reason = GiveUp::kNone;
  Duration backoff{0};  ///< wait this long first

  friend bool operator==(const RetryDecision&, const RetryDecision&) = default;
};

/// Whether a failed attempt is followed by another; counts it in `state` and withdraws from
/// `budget` if so.
/// - surely not sent: any method goes elsewhere, without spending as long as there is an upstream
///   that it has not tried: where all refuse, trying them again and again is a storm too;
/// - stale connection: one replay at each upstream, without spending and without counting as a
///   retry, unless the method is pinned or never resent and bytes were written; a second one at the
///   same upstream is like any cut connection;
/// - upstream lost: elsewhere for reads and broadcasts by hash, without spending: only what was
/// under way when an upstream went is moved, so there is no storm to guard against;
/// - maybe sent, or judged retryable: elsewhere for reads and broadcasts by hash, and spends.
/// Nothing is started that could not begin before `deadline`, nor, but for replays, what would
/// probably not end before it. Another upstream is tried at once;
/// only where none is left is there a wait, with full jitter, so that callers do not come back in
/// step.
[[nodiscard]] RetryDecision decide(const RetryPolicy& policy, RetryState& state,
                                   const FailedAttempt& attempt, Resend resend, TimePoint now,
                                   TimePoint deadline, RetryBudget& budget,
                                   Random& random) noexcept;

}  // namespace sluice::policy
