// SPDX-License-Identifier: Apache-2.0
#include "health/monitor.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/log.hpp"

namespace sluice::health {

namespace {

/// A chain id that was right stays right; still a node behind a name may be replaced.
constexpr int kChainIdEvery = 15;
constexpr int kSyncingEvery = 5;
constexpr Duration kResolveEvery = std::chrono::seconds(30);
constexpr Duration kResolveAgain = std::chrono::seconds(2);
/// The probe of an upstream whose calls go unanswered is not waited for any longer.
constexpr Duration kSuspectTimeout = std::chrono::milliseconds(500);

}  // namespace

std::string_view word(policy::Serving serving) noexcept {
  switch (serving) {
    case policy::Serving::kOut:
      return "out";
    case policy::Serving::kIn:
      return "in";
    case policy::Serving::kDegraded:
      return "degraded";
  }
  return "out";
}

std::string_view word(policy::DownReason reason) noexcept {
  constexpr std::array<std::string_view, policy::kDownReasons> kWords = {
      "none",   "not_probed", "failures", "unreachable", "wrong_chain", "lagging",
      "frozen", "syncing",    "errors",   "slow",        "silent",      "stuck_sync"};
  return kWords[static_cast<std::size_t>(reason)];
}

/// One chain under watch: its policy, its probers, and when each is due.
class Monitor::Chain {
 public:
  Chain(Monitor& monitor, ChainTarget target)
      : monitor_(monitor),
        target_(std::move(target)),
        health_(target_.health, options_of(target_.upstreams)) {
    for (std::size_t i = 0; i < target_.upstreams.size(); ++i) {
      const auto& upstream = target_.upstreams[i];
      watched_.emplace_back(monitor.loop_, upstream.shared, upstream.interval, sluice::now());
      // An upstream that comes over from an earlier configuration in good standing is not made to
      // prove itself again.
      if (upstream.shared->in_rotation.load() && upstream.shared->verified.load()) {
        static_cast<void>(
            health_.probe_ok(static_cast<std::uint32_t>(i),
                             {.head = upstream.shared->head.load(), .chain_verified = true},
                             sluice::now(), monitor.random_));
      }
    }
  }

  void tick(TimePoint now) {
    for (std::size_t i = 0; i < watched_.size(); ++i) gather(i, now);
    apply(health_.judge(now, monitor_.random_));
    for (std::size_t i = 0; i < watched_.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(i);
      Watched& watched = watched_[i];
      const policy::Passive& passive = watched.latest().passive;
      if (passive.successes + passive.failures + passive.throttled > 0)
        apply(health_.passive(index, passive, now, monitor_.random_));
      if (now >= watched.resolve_at && !watched.resolving) resolve(i, now);
      if (!watched.resolved || watched.prober().busy()) continue;
      if (watched.due(health_, index, is_spare(i), now, monitor_.random_)) probe(i, now);
    }
    for (std::size_t i = 0; i < watched_.size(); ++i) follow_warm_up(i, now);
    apply(health_.tick(now));
    publish(now);
  }

  [[nodiscard]] bool serving() const { return health_.rotation() != 0; }
  [[nodiscard]] const ChainTarget& target() const noexcept { return target_; }

  [[nodiscard]] ChainReport report(TimePoint now) const {
    ChainReport report{.name = target_.name,
                       .chain_id = target_.learned_chain_id->load(),
                       .head = health_.chain_head(),
                       .upstreams = {}};
    for (std::size_t i = 0; i < target_.upstreams.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(i);
      const auto& upstream = health_.upstream(index);
      report.upstreams.push_back(
          {.name = target_.upstreams[i].name,
           .serving = health_.serving(index),
           .state = upstream.state(),
           .reason = upstream.reason(),
           .score = health_.score(index, now),
           .head = health_.head(index),
           .lag = health_.standing(index, now).lag,
           .recoveries = upstream.recoveries(),
           .latest_outage = upstream.latest_outage(),
           .ramp = health_.ramp_share(index, now),
           .consecutive_failures = target_.upstreams[i].shared->consecutive_failures.load(),
           .shared = target_.upstreams[i].shared});
    }
    return report;
  }

 private:
  [[nodiscard]] static std::vector<policy::HealthOptions> options_of(
      const std::vector<UpstreamTarget>& upstreams) {
    std::vector<policy::HealthOptions> options;
    for (const auto& upstream : upstreams) options.push_back(upstream.health);
    return options;
  }

  void resolve(std::size_t i, TimePoint now) {
    watched_[i].resolve_at = now + kResolveEvery;
    watched_[i].resolving = true;
    monitor_.resolver_.resolve(
        {target_.upstreams[i].shared, watched_[i].prober().own()},
        [this, i, alive = std::weak_ptr<int>(alive_)](bool found) {
          if (alive.expired()) return;
          watched_[i].resolving = false;
          const bool known = !target_.upstreams[i].shared->endpoints()->empty();
          watched_[i].resolved = known;
          if (found) return;
          watched_[i].resolve_at = sluice::now() + kResolveAgain;
          log::warn("resolve_failed", "the upstream's host name could not be resolved",
                    {{"chain", target_.name},
                     {"upstream", target_.upstreams[i].name},
                     {"last_good_kept", known}});
          if (known) return;
          apply(health_.probe_failed(static_cast<std::uint32_t>(i), policy::ProbeFailure::kConnect,
                                     sluice::now(), monitor_.random_));
          note_first_probe(i);
        });
  }

  void probe(std::size_t i, TimePoint now) {
    Watched& watched = watched_[i];
    const policy::UpstreamHealth& upstream = health_.upstream(static_cast<std::uint32_t>(i));
    const auto klass = upstream.probe_class();
    const ClassProbe ask = klass ? class_probe(*klass) : ClassProbe{};
    const Prober::Questions questions{
        .chain_id = !upstream.proven() || watched.probes % kChainIdEvery == 0,
        .syncing = watched.probes % kSyncingEvery == 0,
        .class_method = ask.method,
        .class_params = ask.params};
    ++watched.probes;
    const bool suspect = (health_.suspects() & policy::bit_of(i)) != 0;
    const Duration timeout = target_.upstreams[i].timeout;
    watched.prober().probe(
        questions, suspect ? std::min(timeout, kSuspectTimeout) : timeout,
        [this, i, now, klass](const ProbeResult& result) { probed(i, result, klass, now); });
  }

  /// An upstream that is not called while others are well need not be known as closely.
  [[nodiscard]] bool is_spare(std::size_t upstream) const {
    for (std::size_t i = 0; i < target_.upstreams.size(); ++i) {
      if (target_.upstreams[i].tier < target_.upstreams[upstream].tier &&
          health_.serving(static_cast<std::uint32_t>(i)) == policy::Serving::kIn) {
        return true;
      }
    }
    return false;
  }

  void probed(std::size_t i, const ProbeResult& result, std::optional<std::uint32_t> asked,
              TimePoint started) {
    const TimePoint time = sluice::now();
    const bool wrong = on_another_chain(result);
    const ProbeOutcome outcome = wrong ? ProbeOutcome::kWrongChain : result.outcome;
    // A good probe of one that is out has its connections made ready.
    if (!health_.upstream(static_cast<std::uint32_t>(i)).warming()) watched_[i].warm_up_began();
    monitor_.observer_.probed(target_.name, target_.upstreams[i].name, outcome, time - started,
                              result.calls);
    watched_[i].probe_ended(outcome != ProbeOutcome::kOk && outcome != ProbeOutcome::kThrottled);
    if (wrong) {
      take_wrong_chain(i, *result.chain_id, time);
    } else if (outcome == ProbeOutcome::kOk) {
      take_good_probe(i, result, asked, time);
    } else if (outcome != ProbeOutcome::kThrottled) {
      const auto failure = outcome == ProbeOutcome::kConnect   ? policy::ProbeFailure::kConnect
                           : outcome != ProbeOutcome::kTimeout ? policy::ProbeFailure::kBadReply
                           : watched_[i].silent_since(started) ? policy::ProbeFailure::kSilent
                                                               : policy::ProbeFailure::kTimeout;
      // The name may point elsewhere by now.
      if (outcome == ProbeOutcome::kConnect)
        watched_[i].resolve_at = std::min(watched_[i].resolve_at, time + kResolveAgain);
      apply(health_.probe_failed(static_cast<std::uint32_t>(i), failure, time, monitor_.random_));
    }
    publish(time);
    note_first_probe(i);
  }

  void note_first_probe(std::size_t i) {
    if (!target_.upstreams[i].shared->probed.exchange(true))
      monitor_.observer_.first_probed(target_.upstreams[i]);
  }

  /// The first upstream that answers tells the chain id where none is configured.
  [[nodiscard]] bool on_another_chain(const ProbeResult& result) {
    if (!result.chain_id) return false;
    std::uint64_t expected =
        target_.chain_id != 0 ? target_.chain_id : target_.learned_chain_id->load();
    if (expected == 0) {
      expected = *result.chain_id;
      target_.learned_chain_id->store(expected);
    }
    return *result.chain_id != expected;
  }

  void take_wrong_chain(std::size_t i, std::uint64_t actual, TimePoint now) {
    const auto index = static_cast<std::uint32_t>(i);
    if (health_.upstream(index).reason() != policy::DownReason::kWrongChain) {
      const std::uint64_t expected =
          target_.chain_id != 0 ? target_.chain_id : target_.learned_chain_id->load();
      monitor_.observer_.wrong_chain(target_.name, target_.upstreams[i], expected, actual);
    }
    apply(health_.wrong_chain(index, now, monitor_.random_));
  }

  void take_good_probe(std::size_t i, const ProbeResult& result, std::optional<std::uint32_t> asked,
                       TimePoint now) {
    const auto index = static_cast<std::uint32_t>(i);
    apply(health_.probe_ok(
        index,
        {.head = result.head,
         .chain_verified = result.chain_id.has_value(),
         .syncing = result.syncing,
         .latency = result.latency,
         // A class that no probe can ask is taken to be like the rest. What is
         // wanted may have changed while the probe was under way.
         .representative = asked.has_value() && asked == health_.upstream(index).probe_class(),
         .class_time = result.class_time},
        now, monitor_.random_));
    upstream::Shared& shared = *target_.upstreams[i].shared;
    if (result.head > shared.head.load() || shared.head.load() > health_.chain_head() + 16)
      shared.head.store(result.head);
    if (health_.serving(index) != policy::Serving::kIn) return;
    // A good probe clears the suspicion that live traffic raised.
    shared.consecutive_connect_failures.store(0);
    shared.consecutive_failures.store(0);
    shared.outrun.store(0);
    shared.failing_classes.store(0);
  }

  void gather(std::size_t i, TimePoint now) {
    const auto index = static_cast<std::uint32_t>(i);
    watched_[i].follow_progress(now);
    health_.traffic(index, watched_[i].gather().classes, now);
    const std::uint64_t head = target_.upstreams[i].shared->head.load();
    if (head > health_.head(index)) health_.head_told(index, head, now);
    BreakerChange change;
    while (watched_[i].next_breaker_change(change, now))
      monitor_.observer_.breaker_changed(target_.name, target_.upstreams[i], change);
  }

  void follow_warm_up(std::size_t i, TimePoint now) {
    const auto index = static_cast<std::uint32_t>(i);
    const policy::UpstreamHealth& upstream = health_.upstream(index);
    std::optional<TimePoint>& since = watched_[i].warming_since;
    if (upstream.warming()) {
      if (!since) since = now;
      const policy::WarmUpView view = watched_[i].warm_up();
      apply(health_.warm_up(index, view, now));
      if (upstream.warming()) return;
      monitor_.observer_.warmed_up(target_.name, target_.upstreams[i],
                                   upstream.state() == policy::HealthState::kUp, view.ready,
                                   now - *since);
    }
    since.reset();
  }

  void apply(std::span<const policy::RotationChange> changes) {
    for (const auto& change : changes) {
      upstream::Shared& shared = *target_.upstreams[change.upstream].shared;
      if (change.to != policy::Serving::kOut) {
        shared.consecutive_failures.store(0);
        shared.outrun.store(0);
        shared.consecutive_connect_failures.store(0);
        shared.failing_classes.store(0);
      }
      shared.in_rotation.store(change.to != policy::Serving::kOut);
      // From here on it is given more step by step.
      if (change.from == policy::Serving::kOut && change.to == policy::Serving::kIn)
        target_.upstreams[change.upstream].shared->stats().restart(sluice::now());
      monitor_.observer_.rotation_changed(target_.name, target_.upstreams[change.upstream], change);
    }
  }

  void publish(TimePoint now) {
    target_.head->store(health_.chain_head());
    for (std::size_t i = 0; i < target_.upstreams.size(); ++i) {
      const auto index = static_cast<std::uint32_t>(i);
      upstream::Shared& shared = *target_.upstreams[i].shared;
      shared.score.store(health_.score(index, now).total());
      shared.ramp.store(health_.ramp_share(index, now));
      shared.lag.store(health_.standing(index, now).lag);
      const policy::UpstreamHealth& upstream = health_.upstream(index);
      shared.verified.store(upstream.proven());
      shared.answering.store(upstream.proven() && upstream.answers());
    }
  }

  Monitor& monitor_;
  ChainTarget target_;
  policy::ChainHealth health_;
  std::vector<Watched> watched_;
  /// Tells look-ups that come back late that this chain is gone.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

Monitor::Monitor(net::Loop& loop, Observer& observer, std::uint64_t seed)
    : loop_(loop),
      observer_(observer),
      random_(seed),
      tick_(
          loop.timers, [](void* self) { static_cast<Monitor*>(self)->on_tick(); }, this),
      resolver_(loop.io) {}

Monitor::~Monitor() = default;

void Monitor::watch(std::vector<ChainTarget> targets) {
  std::vector<std::unique_ptr<Chain>> next;
  for (auto& target : targets) {
    const auto same = std::ranges::find_if(
        chains_, [&](const auto& chain) { return chain != nullptr && chain->target() == target; });
    next.push_back(same != chains_.end() ? std::move(*same)
                                         : std::make_unique<Chain>(*this, std::move(target)));
  }
  chains_ = std::move(next);
  on_tick();
}

void Monitor::stop() {
  tick_.clear();
  resolver_.cancel();
  chains_.clear();
}

void Monitor::on_tick() {
  const TimePoint time = now();
  for (const auto& chain : chains_) chain->tick(time);
  tick_.set(time + kTick);
}

bool Monitor::all_serving() const {
  for (const auto& chain : chains_) {
    if (!chain->serving()) return false;
  }
  return true;
}

std::vector<ChainReport> Monitor::report() const {
  std::vector<ChainReport> reports;
  reports.reserve(chains_.size());
  const TimePoint time = now();
  for (const auto& chain : chains_) reports.push_back(chain->report(time));
  return reports;
}

}  // namespace sluice::health
