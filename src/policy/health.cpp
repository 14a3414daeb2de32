// SPDX-License-Identifier: Apache-2.0
#include "policy/health.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::policy {
namespace {

constexpr double kJitter = 0.2;

/// Of an upstream that is alone and far ahead of all others: it may be right, but nobody vouches
/// for it.
constexpr double kDistrustedFreshness = 0.5;

/// Good probes in a row before a return: so many that an upstream which still fails as often gets
/// through them once in a hundred times.
constexpr std::uint32_t kProofsMin = 3;
constexpr std::uint32_t kProofsMax = 13;
constexpr double kProofsChance = 0.01;

/// After a return: the first share, for how long, and from where it then grows.
constexpr double kRampFirst = 0.03;
constexpr Duration kRampFirstTime = std::chrono::seconds(1);
constexpr double kRampFrom = 0.1;

/// A node whose lag did not shrink for so long while it is syncing is stuck.
constexpr Duration kStuckTime = std::chrono::minutes(5);

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
    nearer_at_.reset();
    return DownReason::kNone;
  }
  // An upstream that says itself that it is catching up is not waited for. Saying so without a lag
  // means nothing: nodes do while they build an index.
  if (syncing) return follow_sync(now);
  nearer_at_.reset();
  if (!lagging_since_) lagging_since_ = now;
  const bool borne = state_ == HealthState::kUp && now - *lagging_since_ < options_.lag_out_time;
  return borne ? DownReason::kNone : DownReason::kLagging;
}

DownReason UpstreamHealth::follow_sync(TimePoint now) noexcept {
  if (!nearer_at_ || standing_.lag < nearest_) {
    nearer_at_ = now;
    nearest_ = standing_.lag;
  }
  return now - *nearer_at_ >= kStuckTime ? DownReason::kStuckSync : DownReason::kSyncing;
}

/// A good probe while it is out, of the class that failed or of another.
void UpstreamHealth::count_proof(const ProbeOk& probe, TimePoint now) noexcept {
  if (!probe_class_) {
    proofs_ = proofs_needed_;
  } else if (probe.representative) {
    ++proofs_;
  } else if (reason_ == DownReason::kSlow && now - left_at_ >= options_.eject_max) {
    // It answers, and is no faster: this is what it is like now, and for balancing to weigh.
    proofs_ = proofs_needed_;
  }
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
  count_proof(probe, now);
  fit_ = proven_ && found == DownReason::kNone && proofs_ >= proofs_needed_;
  if (!fit_) warming_since_.reset();
  if (found != DownReason::kNone) {
    if (state_ == HealthState::kUnknown && proven_) {
      state_ = HealthState::kDown;
      left_at_ = now;
    }
    reason_ = found;
  } else if (fit_ && now >= out_until_) {
    come_back_warm(now);
  }
}

void UpstreamHealth::probe_failed(ProbeFailure failure, TimePoint now, Random& random) noexcept {
  tick(now);
  inputs_.attempts(0.0, 1.0, now);
  answers_ = fit_ = false;
  warming_since_.reset();
  proofs_ = 0;
  ++probe_run_;
  connect_run_ = failure == ProbeFailure::kConnect ? connect_run_ + 1 : 0;
  // It is gone altogether, which explains what it failed at before.
  if (failure == ProbeFailure::kConnect && state_ != HealthState::kUp) probe_class_.reset();
  if (state_ == HealthState::kUnknown) {
    state_ = HealthState::kDown;
    reason_ = failure == ProbeFailure::kConnect ? DownReason::kUnreachable : DownReason::kFailures;
    left_at_ = now;
    return;
  }
  if (failure == ProbeFailure::kSilent && state_ == HealthState::kUp) {
    leave(DownReason::kSilent, now, random);
    return;
  }
  check_runs(options_.failures_max, now, random);
}

void UpstreamHealth::wrong_chain(TimePoint now, Random& random) noexcept {
  tick(now);
  proven_ = fit_ = false;
  warming_since_.reset();
  answers_ = true;
  if (state_ == HealthState::kUp) {
    leave(DownReason::kWrongChain, now, random);
  } else {
    state_ = HealthState::kDown;
    reason_ = DownReason::kWrongChain;
  }
}

void UpstreamHealth::passive(const Passive& calls, std::uint32_t failures_max, TimePoint now,
                             Random& random) noexcept {
  tick(now);
  inputs_.attempts(calls.successes, calls.failures, now);
  if (calls.throttled > 0) inputs_.throttled(calls.throttled, now);
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
  const bool was_up = state_ == HealthState::kUp;
  // Nobody was there to ask: that says nothing of what comes back.
  if (!was_up && calls.failures > 0 && only_connects) probe_class_.reset();
  check_runs(failures_max, now, random);
  if (was_up && reason_ == DownReason::kFailures && calls.failing_classes != 0) {
    probe_class_ = static_cast<std::uint32_t>(std::countr_zero(calls.failing_classes));
    proofs_needed_ = kProofsMin;
  }
}

void UpstreamHealth::outlier(const Finding& finding, TimePoint now, Random& random) noexcept {
  // What was found while it was out is no reason to leave again right after the return.
  const bool was_up = state_ == HealthState::kUp;
  tick(now);
  if (!was_up || !proven_ || !finding.sure) return;
  switch (finding.what) {
    case Outlier::kNone:
      return;
    case Outlier::kSilent:
      leave(DownReason::kSilent, now, random);
      answers_ = false;
      return;
    case Outlier::kSlow:
      leave(DownReason::kSlow, now, random);
      proofs_needed_ = kProofsMin;
      break;
    case Outlier::kErrors: {
      leave(DownReason::kErrors, now, random);
      const double passes = std::clamp(1.0 - finding.share, 0.01, 0.99);
      const double needed = std::ceil(std::log(kProofsChance) / std::log(passes));
      proofs_needed_ = std::clamp(static_cast<std::uint32_t>(needed), kProofsMin, kProofsMax);
      break;
    }
  }
  probe_class_ = finding.klass;
}

/// Too many failures in a row: out if it is up, and the harder reason if it is out already.
void UpstreamHealth::check_runs(std::uint32_t failures_max, TimePoint now,
                                Random& random) noexcept {
  DownReason found = DownReason::kNone;
  if (connect_run_ >= options_.connect_failures_max) {
    found = DownReason::kUnreachable;
  } else if (run_ >= failures_max || probe_run_ >= options_.probe_failures_max) {
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
    if (fit_) come_back_warm(now);
  } else if (warming() && !others_serve_) {
    come_back(now);
  }
}

/// With connections that are there already, if they are worth waiting for.
void UpstreamHealth::come_back_warm(TimePoint now) noexcept {
  const bool returns = left_at_ != TimePoint{};
  if (!returns || !others_serve_ || options_.warm_up_max <= Duration::zero()) {
    come_back(now);
  } else if (!warming()) {
    warming_since_ = now;
  }
}

void UpstreamHealth::warm_up(const WarmUpView& view, TimePoint now) noexcept {
  if (!warming()) return;
  switch (judge_warm_up(view, now - *warming_since_, options_.warm_up_max)) {
    case WarmUpVerdict::kWait:
      return;
    case WarmUpVerdict::kReady:
      come_back(now);
      return;
    case WarmUpVerdict::kFailed:
      warming_since_.reset();
      fit_ = false;
      proofs_ = 0;
      return;
  }
}

void UpstreamHealth::leave(DownReason reason, TimePoint now, Random& random) noexcept {
  ++ejections_;
  state_ = HealthState::kDown;
  reason_ = reason;
  left_at_ = now;
  out_until_ = now + ejection(options_, ejections_, random);
  fit_ = false;
  warming_since_.reset();
  probe_class_.reset();
  proofs_ = proofs_needed_ = 0;
}

void UpstreamHealth::come_back(TimePoint now) noexcept {
  if (ejections_ > 0) {
    ++recoveries_;
    latest_outage_ = now - left_at_;
    back_at_ = now;
  }
  probe_class_.reset();
  warming_since_.reset();
  proofs_ = proofs_needed_ = 0;
  state_ = HealthState::kUp;
  reason_ = DownReason::kNone;
  lagging_since_.reset();
  run_ = connect_run_ = probe_run_ = 0;
  forgiven_at_ = now;
}

double UpstreamHealth::ramp_share(TimePoint now) const noexcept {
  const Duration since = now - back_at_;
  if (back_at_ == TimePoint{} || since >= options_.ramp) return 1.0;
  if (since < kRampFirstTime) return kRampFirst;
  return std::max(kRampFrom, seconds(since) / seconds(options_.ramp));
}

ScoreParts UpstreamHealth::score(double peer_median_s, TimePoint now) const noexcept {
  ScoreParts parts;
  parts.errors = inputs_.error_part(now);
  parts.throttle = inputs_.throttle_part(now);
  parts.latency = latency_part(inputs_.latency_s(), peer_median_s);
  parts.freshness = freshness_part(standing_.lag, options_.lag_prefer, options_.lag_out);
  if (standing_.distrusted) parts.freshness *= kDistrustedFreshness;
  if (!proven_) parts.errors = 0.0;
  return parts;
}

}  // namespace sluice::policy
