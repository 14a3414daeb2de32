// SPDX-License-Identifier: Apache-2.0
// A second attempt beside a late first one.
#include <utility>

#include "proxy/call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/hedge.hpp"
#include "proxy/upstream_batch.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

/// Share of the connections it may have that carry calls.
double utilisation(const upstream::Shared& shared) noexcept {
  const std::uint32_t max = shared.limit.load(std::memory_order_relaxed);
  const std::uint32_t busy = shared.carrying();
  return max == 0 ? 0.0 : static_cast<double>(busy) / max;
}

}  // namespace

bool Call::first_under_way() const noexcept {
  return connection_ != nullptr || batch_ != nullptr || gathered_;
}

bool Call::hedge_under_way() const noexcept {
  return hedge_ != nullptr && !hedge_->taken_over();
}

bool Call::may_hedge() const noexcept {
  // Not in an upstream batch: its time is that of all its calls.
  return !done_ && !hedged_ && connection_ != nullptr && stream_ == nullptr &&
         method_->resend == ethereum::Resend::kFreely;
}

void Call::consider_hedge(TimePoint now) {
  if (!may_hedge()) return;
  const UpstreamSpec& late = chain().spec->upstreams[attempt_.upstream];
  const Duration after = late.shared->hedge_after(static_cast<std::size_t>(method_->klass));
  if (after == Duration::zero() || now - attempt_.sent < after) return;
  // Before a choice is made, which strategies remember.
  if (chain().hedge_budget.balance(now) < 1.0 || chain().spec->shared->queue.waiting()) return;
  const policy::UpstreamSet others = eligible(untried(), now, Fit::kBest);
  const auto chosen = others == 0 ? std::nullopt : pick_among(others, now);
  if (!chosen) return;
  hedge(*chosen, now);
}

void Call::hedge(std::uint32_t upstream, TimePoint now) {
  const ChainSpec& spec = *chain().spec;
  upstream::Pool& pool = *chain().pools[upstream];
  const policy::HedgeMoment moment{
      .other_upstream = pool.has_idle(),
      .utilisation = utilisation(*spec.upstreams[upstream].shared),
      .limiting = pool.shared().limiting.load(std::memory_order_relaxed),
      .queued = spec.shared->queue.waiting(),
      .remaining = deadline_ - now,
      .expected = pool.shared().usual(static_cast<std::size_t>(method_->klass))};
  if (policy::hedge_now(spec.hedge, moment, now, chain().hedge_budget, chain().budget) !=
      policy::HedgeVerdict::kStart) {
    return;
  }
  upstream::Connection* const connection = pool.take(now);
  if (connection == nullptr) return;
  hedged_ = true;
  static_cast<void>(spec.upstreams[upstream].rate->take(now));
  hedge_ = std::make_unique<Hedge>(*this);
  begin(hedge_->attempt(), upstream, now);
  const TimePoint until = std::min(deadline_, now + exchange_.snapshot().limits.attempt_timeout);
  hedge_->start(*connection, method_name_, params_, until);
}

std::unique_ptr<Hedge> Call::release_hedge() noexcept {
  return std::move(hedge_);
}

void Call::count_hedge(HedgeOutcome outcome) {
  exchange_.worker().metrics().hedge(chain().spec->slot, static_cast<std::size_t>(outcome));
}

/// The hedge becomes the call's attempt; a first one that is still under way is given up.
void Call::adopt(Hedge& hedge) {
  if (first_under_way()) {
    const TimePoint time = now();
    const Duration age = time - attempt_.sent;
    count_hedge(HedgeOutcome::kWon);
    if (attempt_.left) attempt_.underway.outrun(age);
    account_attempt(kAttemptCancelled, policy::Ended::kCancelled, time);
    // The time of both together counts once.
    upstream_time_ -= time - hedge.attempt().started;
    // One that still waited for its connection says nothing of the node's times.
    if (attempt_.left) {
      upstream::Shared& late = *chain().spec->upstreams[attempt_.upstream].shared;
      late.observe_latency(age);
      late.outrun.fetch_add(1, std::memory_order_relaxed);
    }
    timer_.reset();
    let_go_of_first();
  }
  attempt_ = std::move(hedge.attempt());
  connection_ = hedge.take_over();
}

void Call::on_hedge_reply(Hedge& hedge) {
  const net::Ref<Exchange> hold(&exchange_);
  const ethereum::Outcome outcome = hedge.outcome();
  const ethereum::Action& action = ethereum::action(outcome);
  const bool poor = !hedge.reply().valid || action.retry_elsewhere || action.counts_as_failure;
  if (poor && first_under_way()) {
    const TimePoint time = exchange_.worker().loop().recent();
    count_hedge(HedgeOutcome::kFailed);
    const Duration took = end(hedge.attempt(), attempt_outcome(outcome), ended(outcome), time);
    learn({.upstream = hedge.attempt().upstream,
           .outcome = outcome,
           .retry_after_s = hedge.head().retry_after_s,
           .result = hedge.reply().result,
           .took = took},
          time);
    // Should the first fail, this is better than nothing.
    keep_reply(hedge.reply(), outcome, hedge.attempt().upstream);
    return;
  }
  adopt(hedge);
  head_ = hedge.head();
  view_ = hedge.reply();
  outcome_ = outcome;
  on_reply();
}

void Call::on_hedge_failure(Hedge& hedge, const upstream::Failure& failure) {
  const net::Ref<Exchange> hold(&exchange_);
  if (!first_under_way()) {
    adopt(hedge);
    on_failure(failure);
    return;
  }
  const TimePoint time = now();
  count_hedge(HedgeOutcome::kFailed);
  Attempt& attempt = hedge.attempt();
  end(attempt, attempt_outcome(failure.kind), learn_failure(attempt, failure, time), time);
}

void Call::drop_hedge() {
  if (!hedge_under_way()) return;
  const std::unique_ptr<Hedge> dropped = release_hedge();
  count_hedge(HedgeOutcome::kLost);
  end(dropped->attempt(), kAttemptCancelled, policy::Ended::kCancelled, now());
}

}  // namespace sluice::proxy
