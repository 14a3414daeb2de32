// SPDX-License-Identifier: Apache-2.0
#include "policy/hedge.hpp"

#include <algorithm>

#include "policy/ewma.hpp"

namespace sluice::policy {
namespace {

constexpr int kPeersFactor = 3;
/// Of the budget, on calls that are late through luck alone.
constexpr double kSpentOnLuck = 0.5;
/// The exponential is taken at most this often.
constexpr Duration kSettleEvery = std::chrono::milliseconds(10);

}  // namespace

double hedge_quantile(const HedgeOptions& options) noexcept {
  return std::clamp(std::max(options.quantile, 1.0 - options.budget * kSpentOnLuck), 0.0, 1.0);
}

std::optional<Duration> hedge_delay(const HedgeOptions& options,
                                    const HedgeTiming& timing) noexcept {
  if (options.budget <= 0.0 || timing.resend != Resend::kFreely) return std::nullopt;
  if (timing.samples < options.samples_min || timing.own <= Duration::zero()) return std::nullopt;
  Duration delay = timing.own;
  if (timing.peers > Duration::zero()) delay = std::min(delay, kPeersFactor * timing.peers);
  return std::clamp(delay, options.delay_min, std::max(options.delay_min, options.delay_max));
}

HedgeBudget::HedgeBudget(const HedgeOptions& options, TimePoint now) noexcept
    : ratio_(std::max(options.budget, 0.0)),
      burst_(std::max(options.burst, 0.0)),
      ttl_(options.ttl),
      settled_(now),
      balance_(burst_) {}

double HedgeBudget::balance(TimePoint now) const noexcept {
  if (balance_ <= burst_) return balance_;
  return burst_ + (balance_ - burst_) * kept_after(now - settled_, ttl_);
}

void HedgeBudget::on_call(TimePoint now) noexcept {
  if (now - settled_ >= kSettleEvery) {
    balance_ = balance(now);
    settled_ = now;
  }
  balance_ += ratio_;
}

HedgeVerdict hedge_now(const HedgeOptions& options, const HedgeMoment& moment, TimePoint now,
                       HedgeBudget& budget, RetryBudget& shared) noexcept {
  if (!moment.other_upstream) return HedgeVerdict::kNoOther;
  if (moment.queued || moment.limiting || moment.utilisation > options.utilisation_max) {
    return HedgeVerdict::kBusy;
  }
  if (moment.remaining <= moment.expected) return HedgeVerdict::kDeadline;
  if (budget.balance(now) < 1.0) return HedgeVerdict::kBudget;
  if (!shared.try_spend(now, shared.resting() / 2)) return HedgeVerdict::kBudget;
  budget.spend();
  return HedgeVerdict::kStart;
}

}  // namespace sluice::policy
