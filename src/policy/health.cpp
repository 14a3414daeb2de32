// SPDX-License-Identifier: Apache-2.0
#include "policy/health.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

constexpr double kJitter = 0.2;

/// Of an upstream that is alone and far ahead of all others: it may be right, but nobody vouches
/// for it.
constexpr double kDistrustedFreshness = 0.5;

/// base * 2^(n-1), at most max, shortened by up to a fifth.
Duration ejection(const HealthOptions& options, std::uint32_t n, Random& random) noexcept {
  Duration out = std::min(options.eject_base, options.eject_max);
  for (std::uint32_t i = 1; i < n && out < options.eject_max; ++i) {
    out = out > options.eject_max / 2 ? options.eject_max : out * 2;
  }
  const auto most = static_cast<double>(out.count());
  return Duration(static_cast<Duration::rep>(most * (1.0 - kJitter * random.uniform())));
}

}  // namespace

/// What a good probe says against the upstream. While it is up, a lag is borne for a time; while it
/// is out, it has to catch up first.
DownReason UpstreamHealth::judge(const HeadStanding& standing, bool syncing,
                                 TimePoint now) noexcept {
  if (standing.frozen) return DownReason::kFrozen;
  if (standing.lag <= options_.lag_out) {
    lagging_since_.reset();
    return DownReason::kNone;
  }
  // An upstream that says itself that it is catching up is not waited for. Saying so without a lag
  // means nothing: nodes do while they build an index.
  if (syncing) return DownReason::kSyncing;
  if (!lagging_since_) lagging_since_ = now;
  const bool borne = state_ == HealthState::kUp && now - *lagging_since_ < options_.lag_out_time;
  return borne ? DownReason::kNone : DownReason::kLagging;
}

void UpstreamHealth::probe_ok(const ProbeOk& probe, const HeadStanding& standing, TimePoint now,
                              Random& random) noexcept {
  tick(now);
  inputs_.attempts(1.0, 0.0, now);
  if (probe.latency > Duration::zero()) inputs_.latency(probe.latency, now);
  standing_ = standing;
  answers_ = true;
  // Not the run of failed calls: what a probe asks is not what calls need.
  connect_run_ = probe_run_ = 0;
  if (probe.chain_verified) proven_ = true;
  const DownReason found = proven_ ? judge(standing, probe.syncing, now) : reason_;
  if (state_ == HealthState::kUp) {
    if (found != DownReason::kNone) leave(found, now, random);
    return;
  }
  fit_ = proven_ && found == DownReason::kNone;
  if (found != DownReason::kNone) {
    if (state_ == HealthState::kUnknown && proven_) {
      state_ = HealthState::kDown;
      left_at_ = now;
    }
    reason_ = found;
  } else if (now >= out_until_) {
    come_back(now);
  }
}

void UpstreamHealth::probe_failed(ProbeFailure failure, TimePoint now, Random& random) noexcept {
  tick(now);
  inputs_.attempts(0.0, 1.0, now);
  answers_ = fit_ = false;
  probe_run_ += failure == ProbeFailure::kSilent ? 2 : 1;
  connect_run_ = failure == ProbeFailure::kConnect ? connect_run_ + 1 : 0;
  if (state_ == HealthState::kUnknown) {
    state_ = HealthState::kDown;
    reason_ = failure == ProbeFailure::kConnect ? DownReason::kUnreachable : DownReason::kFailures;
    left_at_ = now;
    return;
  }
  check_runs(now, random);
}

void UpstreamHealth::wrong_chain(TimePoint now, Random& random) noexcept {
  tick(now);
  proven_ = fit_ = false;
  answers_ = true;
  if (state_ == HealthState::kUp) {
    leave(DownReason::kWrongChain, now, random);
  } else {
    state_ = HealthState::kDown;
    reason_ = DownReason::kWrongChain;
  }
}

void UpstreamHealth::passive(const Passive& calls, TimePoint now, Random& random) noexcept {
  tick(now);
  inputs_.attempts(calls.successes, calls.failures, now);
  const bool only_connects = calls.connect_failures >= calls.failures;
  if (calls.successes > 0) {
    probe_run_ = 0;
    run_ = calls.consecutive_failures;
    connect_run_ = only_connects ? calls.consecutive_failures : 0;
  } else if (calls.failures > 0) {
    run_ = std::max(run_ + calls.failures, calls.consecutive_failures);
    connect_run_ = only_connects ? connect_run_ + calls.failures : 0;
  } else {
    return;
  }
  check_runs(now, random);
}

/// Too many failures in a row: out if it is up, and the harder reason if it is out already.
void UpstreamHealth::check_runs(TimePoint now, Random& random) noexcept {
  DownReason found = DownReason::kNone;
  if (connect_run_ >= options_.connect_failures_max) {
    found = DownReason::kUnreachable;
  } else if (run_ >= options_.failures_max || probe_run_ >= options_.probe_failures_max) {
    found = DownReason::kFailures;
  }
  if (found == DownReason::kNone || !proven_) return;
  if (state_ == HealthState::kUp) {
    leave(found, now, random);
  } else {
    reason_ = found;
  }
}

void UpstreamHealth::tick(TimePoint now) noexcept {
  if (state_ == HealthState::kUp) {
    while (ejections_ > 0 && now - forgiven_at_ >= options_.forgive_after) {
      --ejections_;
      forgiven_at_ += options_.forgive_after;
    }
  } else if (state_ == HealthState::kDown && now >= out_until_ && proven_) {
    state_ = HealthState::kProbation;
    if (fit_) come_back(now);
  }
}

void UpstreamHealth::leave(DownReason reason, TimePoint now, Random& random) noexcept {
  ++ejections_;
  state_ = HealthState::kDown;
  reason_ = reason;
  left_at_ = now;
  out_until_ = now + ejection(options_, ejections_, random);
  fit_ = false;
}

void UpstreamHealth::come_back(TimePoint now) noexcept {
  state_ = HealthState::kUp;
  reason_ = DownReason::kNone;
  lagging_since_.reset();
  run_ = connect_run_ = probe_run_ = 0;
  forgiven_at_ = now;
}

ScoreParts UpstreamHealth::score(double peer_median_s, TimePoint now) const noexcept {
  ScoreParts parts;
  parts.errors = inputs_.error_part(now);
  parts.latency = latency_part(inputs_.latency_s(), peer_median_s);
  parts.freshness = freshness_part(standing_.lag, options_.lag_prefer, options_.lag_out);
  if (standing_.distrusted) parts.freshness *= kDistrustedFreshness;
  if (!proven_) parts.errors = 0.0;
  return parts;
}

}  // namespace sluice::policy
