// SPDX-License-Identifier: Apache-2.0
#include "policy/chain_health.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace sluice::policy {
namespace {

std::size_t count(UpstreamSet set) noexcept {
  return static_cast<std::size_t>(std::popcount(set));
}

}  // namespace

ChainHealth::ChainHealth(const HealthOptions& options, std::size_t upstreams)
    : ChainHealth(options, std::vector<HealthOptions>(upstreams, options)) {}

ChainHealth::ChainHealth(const HealthOptions& chain, std::span<const HealthOptions> each)
    : options_(chain),
      heads_(chain.head, std::min(each.size(), kUpstreamsMax)),
      outliers_(chain.outlier, std::min(each.size(), kUpstreamsMax)) {
  each = each.first(std::min(each.size(), kUpstreamsMax));
  upstreams_.reserve(each.size());
  for (const HealthOptions& own : each) upstreams_.emplace_back(own);
  serving_.assign(upstreams_.size(), Serving::kOut);
  changes_.reserve(upstreams_.size());
}

std::span<const RotationChange> ChainHealth::probe_ok(std::uint32_t upstream, const ProbeOk& probe,
                                                      TimePoint now, Random& random) {
  UpstreamHealth& health = upstreams_[upstream];
  // A head counts only from an upstream that is known to be on this chain.
  if (health.proven() || probe.chain_verified) heads_.report(upstream, probe.head, now);
  const bool slow = still_slow(upstream, probe);
  ProbeOk judged = probe;
  judged.representative = probe.representative && !slow;
  health.probe_ok(judged, heads_.standing(upstream, now), now, random);
  slow_ = slow ? slow_ | bit_of(upstream) : slow_ & ~bit_of(upstream);
  return settle(now);
}

std::span<const RotationChange> ChainHealth::probe_failed(std::uint32_t upstream,
                                                          ProbeFailure failure, TimePoint now,
                                                          Random& random) {
  UpstreamHealth& health = upstreams_[upstream];
  health.probe_failed(failure, now, random);
  if (health.state() != HealthState::kUp) heads_.silence(upstream, now);
  return settle(now);
}

std::span<const RotationChange> ChainHealth::wrong_chain(std::uint32_t upstream, TimePoint now,
                                                         Random& random) {
  upstreams_[upstream].wrong_chain(now, random);
  heads_.silence(upstream, now);
  return settle(now);
}

std::span<const RotationChange> ChainHealth::passive(std::uint32_t upstream, const Passive& calls,
                                                     TimePoint now, Random& random) {
  UpstreamHealth& health = upstreams_[upstream];
  health.passive(calls, run_limit(upstream, calls), now, random);
  if (health.reason() == DownReason::kUnreachable) heads_.silence(upstream, now);
  return settle(now);
}

std::span<const RotationChange> ChainHealth::judge(TimePoint now, Random& random) {
  suspects_ = 0;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    UpstreamHealth& health = upstreams_[i];
    const Finding finding = outliers_.judge(i, well_, health.ramp_share(now) < 1.0, now);
    if (finding.what == Outlier::kSilent) suspects_ |= bit_of(i);
    health.outlier(finding, now, random);
  }
  return settle(now);
}

/// How long a run of failed calls takes an upstream out. Where its peers fail too, five in a row
/// are soon met by chance: then as many as would be met once in 10^9 calls. A run within one class,
/// while others are asked of it as well, is for that class's breaker.
std::uint32_t ChainHealth::run_limit(std::size_t upstream, const Passive& calls) const noexcept {
  constexpr double kLogChance = -20.7;
  constexpr double kRateMin = 0.01;
  constexpr std::uint32_t kNever = 1'000'000;
  const std::uint32_t usual = upstreams_[upstream].options().failures_max;
  if (std::popcount(calls.failing_classes) == 1 && !outliers_.one_class_in_use(upstream)) {
    return kNever;
  }
  const double rate = std::max(kRateMin, outliers_.peer_failure_share(upstream, well_));
  if (rate >= 0.99) return kNever;
  const auto least = static_cast<std::uint32_t>(std::ceil(kLogChance / std::log(rate)));
  return std::max(usual, least);
}

/// Whether a probe of the class that was slow took much longer than that class takes elsewhere.
bool ChainHealth::still_slow(std::size_t upstream, const ProbeOk& probe) const noexcept {
  const UpstreamHealth& health = upstreams_[upstream];
  if (health.reason() != DownReason::kSlow || !health.probe_class()) return false;
  const Duration usual = outliers_.usual(upstream, *health.probe_class(), well_);
  return usual > Duration::zero() &&
         seconds(probe.class_time) > options_.outlier.slow_ratio * seconds(usual) &&
         probe.class_time - usual > options_.outlier.slow_gap;
}

std::span<const RotationChange> ChainHealth::warm_up(std::uint32_t upstream, const WarmUpView& view,
                                                     TimePoint now) {
  upstreams_[upstream].warm_up(view, now);
  return settle(now);
}

std::span<const RotationChange> ChainHealth::tick(TimePoint now) {
  heads_.tick(now);
  for (UpstreamHealth& health : upstreams_) health.tick(now);
  return settle(now);
}

bool ChainHealth::up(std::size_t i) const noexcept {
  return upstreams_[i].state() == HealthState::kUp;
}

bool ChainHealth::lost(std::size_t i) const noexcept {
  const DownReason reason = upstreams_[i].reason();
  return !upstreams_[i].answers() || reason == DownReason::kUnreachable ||
         reason == DownReason::kSilent;
}

std::size_t ChainHealth::latest_down(UpstreamSet among) const noexcept {
  std::size_t latest = kUpstreamsMax;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    if ((among & bit_of(i)) == 0) continue;
    if (latest == kUpstreamsMax || upstreams_[i].left_at() > upstreams_[latest].left_at()) {
      latest = i;
    }
  }
  return latest;
}

/// Rules 2 to 5: of the proven upstreams that are down, those which stay in rotation all the same.
UpstreamSet ChainHealth::bear_with(UpstreamSet proven, UpstreamSet up) noexcept {
  const UpstreamSet down = proven & ~up;
  panic_ = count(up) * 3 < count(proven);
  UpstreamSet borne = 0;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    if ((down & bit_of(i)) != 0 && !lost(i)) borne |= bit_of(i);
  }
  if (!panic_) {
    const double share = std::clamp(options_.eject_max_share, 0.0, 1.0);
    const auto most = std::max<std::size_t>(
        1, static_cast<std::size_t>(static_cast<double>(count(proven)) * share + 1e-9));
    const std::size_t gone = count(down & ~borne);
    const std::size_t may_leave = most > gone ? most - gone : 0;
    // Those that went down last are borne, so the ones that have been out stay out.
    UpstreamSet kept = 0;
    while (count(borne) > may_leave) {
      const UpstreamSet bit = bit_of(latest_down(borne));
      borne &= ~bit;
      kept |= bit;
    }
    borne = kept;
  }
  if ((up | borne) == 0 && down != 0) borne = bit_of(latest_down(down));
  return borne;
}

std::span<const RotationChange> ChainHealth::settle(TimePoint now) {
  UpstreamSet proven = 0;
  UpstreamSet well = 0;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    if (upstreams_[i].proven()) proven |= bit_of(i);
    if (up(i)) well |= bit_of(i);
  }
  // They have been out for as long as slowness may keep them out and are let in as they are:
  // measured against what they were before, they would be thrown out again and again.
  for (UpstreamSet back = slow_ & well; back != 0; back &= back - 1)
    outliers_.adopt(static_cast<std::size_t>(std::countr_zero(back)));
  slow_ &= ~well;
  const UpstreamSet borne = bear_with(proven, well);
  rotation_ = well | borne;
  well_ = well;
  changes_.clear();
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    Serving to = Serving::kOut;
    if ((well & bit_of(i)) != 0) to = Serving::kIn;
    if ((borne & bit_of(i)) != 0) to = Serving::kDegraded;
    if (to == serving_[i]) continue;
    changes_.push_back({.upstream = static_cast<std::uint32_t>(i),
                        .from = serving_[i],
                        .to = to,
                        .reason = upstreams_[i].reason(),
                        .abandon = to == Serving::kOut && (lost(i) || !upstreams_[i].proven()),
                        .out = to == Serving::kIn && upstreams_[i].recoveries() > 0
                                   ? upstreams_[i].latest_outage()
                                   : Duration::zero()});
    serving_[i] = to;
    if (to == Serving::kIn) outliers_.forget(i, now);
  }
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    upstreams_[i].others_serve((well & ~bit_of(i)) != 0 && !panic_ && (borne & bit_of(i)) == 0);
  }
  return changes_;
}

double ChainHealth::ramp_share(std::uint32_t upstream, TimePoint now) const noexcept {
  const bool others = (well_ & ~bit_of(upstream)) != 0;
  return others ? upstreams_[upstream].ramp_share(now) : 1.0;
}

/// Median over the others, the lower one of two: a slow pair must not excuse each other.
double ChainHealth::peer_median(std::size_t upstream) const noexcept {
  std::array<double, kUpstreamsMax> known{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    const double latency = upstreams_[i].latency_s();
    if (i != upstream && latency > 0.0) known[n++] = latency;
  }
  if (n == 0) return 0.0;
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>((n - 1) / 2);
  std::nth_element(known.begin(), middle, known.begin() + static_cast<std::ptrdiff_t>(n));
  return *middle;
}

ScoreParts ChainHealth::score(std::uint32_t upstream, TimePoint now) const noexcept {
  return upstreams_[upstream].score(peer_median(upstream), now);
}

}  // namespace sluice::policy
