// SPDX-License-Identifier: Apache-2.0
#include "policy/retry.hpp"

#include <algorithm>

#include "policy/ewma.hpp"

namespace sluice::policy {
namespace {

/// The exponential is taken at most this often; a deposit that fades 10 ms late does not matter.
constexpr Duration kSettleEvery = std::chrono::milliseconds(10);

RetryDecision give_up(GiveUp reason) noexcept {
  return {.action = RetryAction::kGiveUp, .reason = reason, .backoff = Duration::zero()};
}

bool resendable(Resend resend) noexcept {
  return resend == Resend::kFreely || resend == Resend::kRetry || resend == Resend::kByHash;
}

/// Full jitter: uniform between nothing and the doubled step, on top of what the upstream asked
/// for.
Duration wait(const RetryPolicy& policy, std::uint32_t retries, Duration retry_after,
              Random& random) noexcept {
  Duration step = policy.backoff;
  for (std::uint32_t i = 0; i < retries && step < policy.backoff_max; ++i) step *= 2;
  step = std::clamp(step, Duration::zero(), std::max(policy.backoff_max, Duration::zero()));
  const auto jittered = random.below(static_cast<std::uint64_t>(step.count()) + 1);
  return retry_after + Duration(static_cast<Duration::rep>(jittered));
}

}  // namespace

RetryBudget::RetryBudget(const Options& options, TimePoint now) noexcept
    : options_(options), settled_(now), balance_(resting()) {}

double RetryBudget::resting() const noexcept {
  return options_.floor_per_s * seconds(options_.ttl);
}

double RetryBudget::balance(TimePoint now) const noexcept {
  // The solution of b' = floor - b / ttl.
  return resting() + (balance_ - resting()) * kept_after(now - settled_, options_.ttl);
}

void RetryBudget::settle(TimePoint now) noexcept {
  if (now - settled_ < kSettleEvery) return;
  balance_ = balance(now);
  settled_ = now;
}

void RetryBudget::on_call(TimePoint now) noexcept {
  settle(now);
  balance_ += options_.ratio;
}

bool RetryBudget::try_spend(TimePoint now, double keep) noexcept {
  settle(now);
  if (balance_ < 1.0 + std::max(keep, 0.0)) return false;
  balance_ -= 1.0;
  return true;
}

void RetryBudget::charge(TimePoint now) noexcept {
  settle(now);
  balance_ -= std::clamp(balance_ - resting(), 0.0, 1.0);
}

RetryDecision decide(const RetryPolicy& policy, RetryState& state, const FailedAttempt& attempt,
                     Resend resend, TimePoint now, TimePoint deadline, RetryBudget& budget,
                     Random& random) noexcept {
  const bool stale = attempt.failure == Failure::kStaleConnection;
  const bool unsent =
      attempt.failure == Failure::kSurelyNotSent || (stale && !attempt.bytes_written);
  const bool judged = attempt.failure == Failure::kJudgedRetryable;
  if (!unsent && !judged) state.maybe_sent = true;

  if (!unsent && !resendable(resend)) return give_up(GiveUp::kMethod);
  if (now >= deadline) return give_up(GiveUp::kDeadline);
  if (stale && state.replays <= state.retries) {
    ++state.replays;
    return {
        .action = RetryAction::kReplaySame, .reason = GiveUp::kNone, .backoff = Duration::zero()};
  }
  if (state.retries >= policy.retries_max) return give_up(GiveUp::kAttempts);

  const Duration backoff = attempt.other_upstream_left
                               ? Duration::zero()
                               : wait(policy, state.retries, attempt.retry_after, random);
  const bool spends =
      attempt.failure != Failure::kUpstreamLost && (!unsent || !attempt.other_upstream_left);
  // What costs nothing may as well be tried.
  const Duration needed = backoff + (spends ? attempt.expected : Duration::zero());
  if (needed >= deadline - now) return give_up(GiveUp::kDeadline);
  if (spends && !budget.try_spend(now)) return give_up(GiveUp::kBudget);
  ++state.retries;
  return {.action = RetryAction::kElsewhere, .reason = GiveUp::kNone, .backoff = backoff};
}

}  // namespace sluice::policy
