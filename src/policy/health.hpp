// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "policy/head.hpp"
#include "policy/outlier.hpp"
#include "policy/score.hpp"
#include "policy/warm_up.hpp"

namespace sluice::policy {

struct HealthOptions {
  std::uint64_t lag_prefer = 1;  ///< blocks behind that cost nothing
  std::uint64_t lag_out = 3;     ///< blocks behind that are still borne for ever
  Duration lag_out_time = std::chrono::seconds(30);  ///< how long more than that is borne
  Duration eject_base = std::chrono::seconds(1);
  Duration eject_max = std::chrono::seconds(60);
  double eject_max_share = 0.5;            ///< of a chain's upstreams; see ChainHealth
  std::uint32_t failures_max = 5;          ///< consecutive failed calls
  std::uint32_t connect_failures_max = 3;  ///< consecutive, of calls and probes
  std::uint32_t probe_failures_max = 3;    ///< consecutive, with no successful call between
  Duration forgive_after = std::chrono::seconds(10);  ///< healthy time that takes one doubling back
  /// How long a returned upstream's share grows until it is full.
  Duration ramp = std::chrono::seconds(30);
  /// How long at most a return waits for connections to be warm; zero: not at all.
  Duration warm_up_max{0};
  HeadOptions head;
  OutlierOptions outlier;

  bool operator==(const HealthOptions&) const = default;
};

enum class HealthState : std::uint8_t {
  kUnknown,  ///< no probe has shown yet that it is on the right chain
  kUp,
  kDown,
  kProbation,  ///< has sat out its time; the next good probe brings it back
};

enum class DownReason : std::uint8_t {
  kNone,
  kNotProbed,
  kFailures,     ///< too many failures in a row
  kUnreachable,  ///< cannot be connected to
  kWrongChain,
  kLagging,
  kFrozen,
  kSyncing,
  kErrors,     ///< fails more often than its peers
  kSlow,       ///< became slower than its peers
  kSilent,     ///< takes calls and answers none
  kStuckSync,  ///< is syncing, and gets no nearer
};
inline constexpr std::size_t kDownReasons = 12;

enum class ProbeFailure : std::uint8_t {
  kConnect,
  kTimeout,
  kSilent,  ///< timed out while no call under way was answered either: enough alone
  kBadReply,
};

/// A probe was answered.
struct ProbeOk {
  std::uint64_t head = 0;
  bool chain_verified = false;  ///< this probe asked for the chain id and it was right
  bool syncing = false;         ///< eth_syncing gave an object
  Duration latency{0};
  /// It asked for the class of probe_class() as well, or nothing like it can be asked. `class_time`
  /// is what that took.
  bool representative = false;
  Duration class_time{0};
};

/// What calls did since the last report. Timed-out attempts are failures; a client's own faults,
/// reverts and cancelled attempts are neither. `connect_failures` is a part of `failures`.
struct Passive {
  std::uint32_t successes = 0;
  std::uint32_t failures = 0;
  std::uint32_t connect_failures = 0;
  std::uint32_t consecutive_failures = 0;  ///< the run of failures at the end of the report
  std::uint32_t throttled = 0;             ///< answered with 429; neither success nor failure
  /// The classes of the calls in that run, as bits; 0 when not known.
  std::uint32_t failing_classes = 0;
};

/// Is one upstream well? A state machine over probes, calls and time; no guard for the chain as a
/// whole (that is ChainHealth, which owns it). Control thread only. Leaving costs eject_base,
/// doubled with each further time up to eject_max and shortened by up to 20 % at random so that
/// upstreams do not return in step. A return always needs a good probe after the leave. Failed
/// probes while it is out do not lengthen the time, so a repaired upstream is back one probe later;
/// one that keeps flapping stays away. One that failed some calls, or was slow, has to answer
/// several probes in a row of the class that showed it: as many as an upstream that still fails
/// that often would hardly get through. Where others serve, a return then waits for warm
/// connections; one whose warm-up fails has failed its trial. After a return its share of calls
/// grows from little to all.
class UpstreamHealth {
 public:
  explicit UpstreamHealth(const HealthOptions& options) noexcept : options_(options) {}

  /// `standing`: its head against the chain's, this report included.
  void probe_ok(const ProbeOk& probe, const HeadStanding& standing, TimePoint now,
                Random& random) noexcept;
  void probe_failed(ProbeFailure failure, TimePoint now, Random& random) noexcept;
  void wrong_chain(TimePoint now, Random& random) noexcept;
  /// `failures_max`: the run that takes it out, where its peers' state asks for another one than
  /// the options'.
  void passive(const Passive& calls, std::uint32_t failures_max, TimePoint now,
               Random& random) noexcept;
  void passive(const Passive& calls, TimePoint now, Random& random) noexcept {
    passive(calls, options_.failures_max, now, random);
  }
  /// It does worse than its peers.
  void outlier(const Finding& finding, TimePoint now, Random& random) noexcept;
  void tick(TimePoint now) noexcept;
  /// Whether others serve without it: only then a return waits.
  void others_serve(bool others) noexcept { others_serve_ = others; }
  /// How its connections are coming on; of effect while warming().
  void warm_up(const WarmUpView& view, TimePoint now) noexcept;
  /// It is well again and waits for its connections alone.
  [[nodiscard]] bool warming() const noexcept { return warming_since_.has_value(); }

  [[nodiscard]] HealthState state() const noexcept { return state_; }
  /// kNone while up.
  [[nodiscard]] DownReason reason() const noexcept { return reason_; }
  /// Its latest probe was answered. An upstream that is down and does not answer has nothing to
  /// offer at all.
  [[nodiscard]] bool answers() const noexcept { return answers_; }
  /// It was on the right chain when last asked. Never send it a call otherwise.
  [[nodiscard]] bool proven() const noexcept { return proven_; }
  [[nodiscard]] TimePoint left_at() const noexcept { return left_at_; }
  [[nodiscard]] std::uint32_t consecutive_failures() const noexcept { return run_; }
  /// How often it has left lately: the exponent of the next ejection.
  [[nodiscard]] std::uint32_t ejections() const noexcept { return ejections_; }
  /// The class that a probe must ask before it may return; nothing where any probe will do.
  [[nodiscard]] std::optional<std::uint32_t> probe_class() const noexcept { return probe_class_; }
  /// How much of its usual share of calls it should be given, 0..1: grows after a return.
  [[nodiscard]] double ramp_share(TimePoint now) const noexcept;
  /// Returns since the start, and how long it was away before the latest.
  [[nodiscard]] std::uint64_t recoveries() const noexcept { return recoveries_; }
  [[nodiscard]] Duration latest_outage() const noexcept { return latest_outage_; }
  [[nodiscard]] const HealthOptions& options() const noexcept { return options_; }
  /// Of its probes; 0 while unknown.
  [[nodiscard]] double latency_s() const noexcept { return inputs_.latency_s(); }
  /// `peer_median_s`: median probe latency of the chain's other upstreams, 0 when unknown.
  [[nodiscard]] ScoreParts score(double peer_median_s, TimePoint now) const noexcept;

 private:
  [[nodiscard]] DownReason judge(const HeadStanding& standing, bool syncing,
                                 TimePoint now) noexcept;
  void check_runs(std::uint32_t failures_max, TimePoint now, Random& random) noexcept;
  void count_proof(const ProbeOk& probe, TimePoint now) noexcept;
  [[nodiscard]] DownReason follow_sync(TimePoint now) noexcept;
  void leave(DownReason reason, TimePoint now, Random& random) noexcept;
  void come_back_warm(TimePoint now) noexcept;
  void come_back(TimePoint now) noexcept;

  HealthOptions options_;
  ScoreInputs inputs_;
  HeadStanding standing_;
  std::optional<TimePoint> lagging_since_;
  TimePoint left_at_{};
  TimePoint out_until_{};
  TimePoint forgiven_at_{};
  TimePoint back_at_{};
  Duration latest_outage_{0};
  std::optional<std::uint32_t> probe_class_;
  std::optional<TimePoint> warming_since_;
  /// While it says that it is syncing: its least lag so far, and since when.
  std::optional<TimePoint> nearer_at_;
  std::uint64_t nearest_ = 0;
  std::uint64_t recoveries_ = 0;
  std::uint32_t run_ = 0;
  std::uint32_t connect_run_ = 0;
  std::uint32_t probe_run_ = 0;
  std::uint32_t ejections_ = 0;
  std::uint32_t proofs_ = 0;  ///< good probes of probe_class_ in a row
  std::uint32_t proofs_needed_ = 0;
  HealthState state_ = HealthState::kUnknown;
  DownReason reason_ = DownReason::kNotProbed;
  bool answers_ = false;
  bool proven_ = false;
  bool others_serve_ = false;
  bool fit_ = false;  ///< while out: its latest probe found nothing wrong
};

}  // namespace sluice::policy
