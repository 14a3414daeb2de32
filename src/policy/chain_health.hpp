// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "policy/head.hpp"
#include "policy/health.hpp"
#include "policy/score.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {

/// What an upstream is used for.
enum class Serving : std::uint8_t {
  kOut,
  kIn,
  kDegraded,  ///< down by its own record, but kept in rotation because too little else is left
};

/// One upstream's part in the rotation changed: leave it (kOut), return to it (kIn), or bear with
/// it (kDegraded).
struct RotationChange {
  std::uint32_t upstream = 0;
  Serving from = Serving::kOut;
  Serving to = Serving::kOut;
  DownReason reason = DownReason::kNone;  ///< kNone for kIn
  /// It answers nothing, or for another chain: calls under way there are better made elsewhere.
  bool abandon = false;
  Duration out{0};  ///< for kIn: how long it was away; zero when it is new
};

/// The upstreams of one chain together: each one's machine, the chain's head, and the guard over
/// who may leave. The guard, in this order:
/// 1. an upstream that was not shown to be on the right chain never serves, even as the last one;
/// 2. one that cannot be connected to or leaves its probes unanswered leaves at once, however many
/// have left: a call
///    sent there is lost;
/// 3. the others that are down (failing, lagging, frozen, syncing) leave in the order in which they
/// went down, while
///    no more than `eject_max_share` of the proven upstreams are out (one may always leave);
/// 4. panic: when less than a third of the proven upstreams are up, no one leaves by rule 3;
/// 5. the last one is never taken out: if nobody is left, the one that went down latest stays.
/// A return waits for warm connections only where another is up and there is no panic.
/// Control thread only, owned by the health monitor, one per chain and configuration. At most 64
/// upstreams. It sends no probes and counts no calls. Nothing is allocated after construction.
class ChainHealth {
 public:
  ChainHealth(const HealthOptions& options, std::size_t upstreams);
  /// `chain` says what concerns all of them: eject_max_share and head; `each`, by upstream, the
  /// rest.
  ChainHealth(const HealthOptions& chain, std::span<const HealthOptions> each);

  // Each reports what changed in the rotation; the span is valid until the next call. `upstream` is
  // below size().
  std::span<const RotationChange> probe_ok(std::uint32_t upstream, const ProbeOk& probe,
                                           TimePoint now, Random& random);
  std::span<const RotationChange> probe_failed(std::uint32_t upstream, ProbeFailure failure,
                                               TimePoint now, Random& random);
  std::span<const RotationChange> wrong_chain(std::uint32_t upstream, TimePoint now,
                                              Random& random);
  std::span<const RotationChange> passive(std::uint32_t upstream, const Passive& calls,
                                          TimePoint now, Random& random);
  /// What live calls did since the last report, by method class, and how many are in flight. At
  /// each tick, for every upstream, before judge().
  void traffic(std::uint32_t upstream, std::span<const ClassTraffic> classes,
               TimePoint now) noexcept {
    outliers_.report(upstream, classes, now);
  }
  /// Each against its peers, by what traffic() told of them all: at each tick, before passive().
  std::span<const RotationChange> judge(TimePoint now, Random& random);
  /// Of an upstream that is warming(): at each tick, before tick().
  std::span<const RotationChange> warm_up(std::uint32_t upstream, const WarmUpView& view,
                                          TimePoint now);
  /// About every 100 ms.
  std::span<const RotationChange> tick(TimePoint now);

  [[nodiscard]] std::size_t size() const noexcept { return upstreams_.size(); }
  /// Those that may be given calls, degraded ones included.
  [[nodiscard]] UpstreamSet rotation() const noexcept { return rotation_; }
  [[nodiscard]] Serving serving(std::uint32_t upstream) const noexcept {
    return serving_[upstream];
  }
  [[nodiscard]] bool panic() const noexcept { return panic_; }
  /// Those whose calls go unanswered for longer than they should: to be probed at once.
  [[nodiscard]] UpstreamSet suspects() const noexcept { return suspects_; }
  /// The share of its usual calls that an upstream should be given, 0..1: small after a return and
  /// then growing. 1 where nobody else is well. For the balancer's slow start.
  [[nodiscard]] double ramp_share(std::uint32_t upstream, TimePoint now) const noexcept;
  [[nodiscard]] const UpstreamHealth& upstream(std::uint32_t index) const noexcept {
    return upstreams_[index];
  }
  [[nodiscard]] ScoreParts score(std::uint32_t upstream, TimePoint now) const noexcept;
  /// A live reply told the upstream's head: it counts as a probe's would, and judges nobody.
  void head_told(std::uint32_t upstream, std::uint64_t head, TimePoint now) noexcept {
    if (upstreams_[upstream].proven()) heads_.report(upstream, head, now);
  }
  [[nodiscard]] HeadAge head_age(std::uint32_t upstream) const noexcept {
    return heads_.age(upstream);
  }
  [[nodiscard]] std::uint64_t chain_head() const noexcept { return heads_.chain_head(); }
  [[nodiscard]] std::uint64_t head(std::uint32_t upstream) const noexcept {
    return heads_.head(upstream);
  }
  [[nodiscard]] HeadStanding standing(std::uint32_t upstream, TimePoint now) const noexcept {
    return heads_.standing(upstream, now);
  }

 private:
  [[nodiscard]] bool up(std::size_t i) const noexcept;
  [[nodiscard]] bool lost(std::size_t i) const noexcept;
  [[nodiscard]] UpstreamSet bear_with(UpstreamSet proven, UpstreamSet up) noexcept;
  [[nodiscard]] std::size_t latest_down(UpstreamSet among) const noexcept;
  [[nodiscard]] double peer_median(std::size_t upstream) const noexcept;
  [[nodiscard]] std::uint32_t run_limit(std::size_t upstream, const Passive& calls) const noexcept;
  [[nodiscard]] bool still_slow(std::size_t upstream, const ProbeOk& probe) const noexcept;
  std::span<const RotationChange> settle(TimePoint now);

  HealthOptions options_;
  HeadTracker heads_;
  OutlierDetector outliers_;
  std::vector<UpstreamHealth> upstreams_;
  std::vector<Serving> serving_;
  std::vector<RotationChange> changes_;
  UpstreamSet rotation_ = 0;
  UpstreamSet well_ = 0;
  UpstreamSet suspects_ = 0;
  /// Those whose latest probe of the class that was slow was slow again.
  UpstreamSet slow_ = 0;
  bool panic_ = false;
};

}  // namespace sluice::policy
