// SPDX-License-Identifier: Apache-2.0
// Ours: the policy classes, driven as the health monitor and the workers drive them. Verdicts reach
// the workers with the monitor's tick; what workers see in passing (a refused connection, a
// breaker) they share at once.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "policy/breaker.hpp"
#include "policy/chain_health.hpp"
#include "policy/probe_plan.hpp"
#include "sim/core/draw.hpp"
#include "sim/health/guard.hpp"

namespace sluice::sim::health {

namespace {

constexpr Duration kTick = 100ms;
constexpr Duration kProbeTimeout = 1s;
/// A suspect's probe is not waited for as long.
constexpr Duration kSuspectTimeout = 500ms;
constexpr std::uint32_t kSuspectFailures = 5;

/// What the workers write and the monitor reads.
struct Shared {
  std::array<policy::ClassTraffic, kKinds> classes{};  // since the last tick, and in flight
  std::array<policy::Breaker, kKinds> breakers{};
  std::uint32_t connect_failures = 0;
  std::uint32_t run = 0;
  std::uint32_t connect_run = 0;
  std::uint32_t failing_classes = 0;
  bool in_rotation = false;
  bool answering = false;
  std::uint64_t lag = 0;
  double ramp = 1.0;
};

struct Watched {
  policy::ProbePlan plan{{}};
  bool busy = false;
  std::uint32_t failed = 0;
  policy::Passive latest;
  TimePoint head_at{};
  TimePoint moved_at{};
  std::uint64_t head = 0;
};

class Ours final : public Guard {
 public:
  explicit Ours(Surroundings& around)
      : around_(around),
        health_({}, around.upstreams),
        shared_(around.upstreams),
        watched_(around.upstreams),
        random_(derived(around.seed, 77)) {
    tick();
    around_.engine.every(kTick, [this] {
      tick();
      return true;
    });
  }

  bool fit(std::size_t upstream, Kind kind, Rank rank, TimePoint now) override {
    const Shared& shared = shared_[upstream];
    if (!shared.in_rotation && (rank != Rank::kLastResort || !shared.answering)) return false;
    if (rank != Rank::kBest) return true;
    const bool run_of_many =
        shared.run >= kSuspectFailures && std::popcount(shared.failing_classes) > 1;
    return shared.connect_run == 0 && !run_of_many && shared.lag <= 1 &&
           shared.breakers[kind].ready(now);
  }
  double share(std::size_t upstream, TimePoint) override { return shared_[upstream].ramp; }

  std::uint32_t begin(std::size_t upstream, Kind kind, TimePoint now) override {
    Shared& shared = shared_[upstream];
    ++shared.classes[kind].in_flight;
    const policy::BreakerPass pass = shared.breakers[kind].take(now);
    return (pass.allowed ? 1U : 0U) | (pass.probe ? 2U : 0U) | std::uint32_t{pass.round} << 8;
  }

  void end(std::size_t upstream, Kind kind, std::uint32_t token, Ended ended, Duration took,
           TimePoint now) override {
    Shared& shared = shared_[upstream];
    policy::ClassTraffic& traffic = shared.classes[kind];
    --traffic.in_flight;
    const policy::BreakerPass pass{.allowed = (token & 1) != 0,
                                   .probe = (token & 2) != 0,
                                   .round = static_cast<std::uint8_t>(token >> 8)};
    const bool counts = ended != Ended::kLost;
    static_cast<void>(shared.breakers[kind].record(pass,
                                                   !counts       ? policy::BreakerOutcome::kNeutral
                                                   : good(ended) ? policy::BreakerOutcome::kOk
                                                                 : policy::BreakerOutcome::kFailed,
                                                   now, random_));
    if (!counts) return;
    if (good(ended)) {
      ++traffic.successes;
      traffic.log_seconds += std::log(std::max(seconds(took), 1e-6));
      shared.run = shared.connect_run = shared.failing_classes = 0;
      return;
    }
    ++traffic.failures;
    ++shared.run;
    shared.failing_classes |= 1U << kind;
    if (ended == Ended::kRefused) {
      ++shared.connect_failures;
      ++shared.connect_run;
    }
  }

  bool restored(std::size_t upstream, TimePoint now) override {
    return shared_[upstream].in_rotation && Guard::restored(upstream, now);
  }
  std::uint64_t probes() const override { return probes_; }

 private:
  void tick() {
    const TimePoint now = around_.engine.now();
    for (std::uint32_t i = 0; i < shared_.size(); ++i) gather(i, now);
    apply(health_.judge(now, random_));
    for (std::uint32_t i = 0; i < shared_.size(); ++i) {
      const policy::Passive& passive = watched_[i].latest;
      if (passive.successes + passive.failures > 0)
        apply(health_.passive(i, passive, now, random_));
      if (watched_[i].busy) continue;
      if (watched_[i].plan.due(view(i, now), now, random_)) probe(i, now);
    }
    apply(health_.tick(now));
    publish(now);
  }

  void gather(std::uint32_t i, TimePoint now) {
    Shared& shared = shared_[i];
    policy::Passive passive{.connect_failures = std::exchange(shared.connect_failures, 0),
                            .failing_classes = shared.failing_classes};
    for (const policy::ClassTraffic& traffic : shared.classes) {
      passive.successes += traffic.successes;
      passive.failures += traffic.failures;
    }
    passive.consecutive_failures = std::min(shared.run, passive.failures);
    watched_[i].latest = passive;
    health_.traffic(i, shared.classes, now);
    for (policy::ClassTraffic& traffic : shared.classes) {
      traffic.successes = traffic.failures = 0;
      traffic.log_seconds = 0;
    }
  }

  policy::ProbeView view(std::uint32_t i, TimePoint now) {
    const policy::UpstreamHealth& health = health_.upstream(i);
    const Watched& watched = watched_[i];
    return {.well = health_.serving(i) == policy::Serving::kIn && watched.failed == 0,
            .returning = health.probe_class().has_value(),
            .failed = watched.failed,
            .suspect = (health_.suspects() & policy::bit_of(i)) != 0 || shared_[i].connect_run > 0,
            .successes = watched.latest.successes,
            .failures = watched.latest.failures,
            .lag = health_.standing(i, now).lag,
            .head_at = watched.head_at,
            .moved_at = watched.moved_at,
            .block_time = 12s};
  }

  void probe(std::uint32_t i, TimePoint now) {
    watched_[i].plan.sent(now);
    watched_[i].busy = true;
    ++probes_;
    const bool suspect = (health_.suspects() & policy::bit_of(i)) != 0;
    const Duration timeout = suspect ? kSuspectTimeout : kProbeTimeout;
    const TimePoint quiet = now;
    around_.ask(i, kCheap, timeout, [this, i, timeout, quiet](Ended ended, Duration took) {
      const auto klass = health_.upstream(i).probe_class();
      if (!good(ended) || !klass || *klass == kCheap) {
        probed(i, ended, took, klass.has_value(), took, quiet);
        return;
      }
      around_.ask(i, static_cast<Kind>(*klass), timeout,
                  [this, i, took, quiet](Ended again, Duration class_took) {
                    probed(i, again, took, true, class_took, quiet);
                  });
    });
  }

  void probed(std::uint32_t i, Ended ended, Duration took, bool representative, Duration class_took,
              TimePoint started) {
    const TimePoint now = around_.engine.now();
    Watched& watched = watched_[i];
    watched.busy = false;
    watched.failed = good(ended) ? 0 : watched.failed + 1;
    if (good(ended)) {
      const std::uint64_t head = around_.head_of(i);
      if (head > watched.head) {
        watched.moved_at = now;
        watched.head = head;
      }
      watched.head_at = now;
      apply(health_.probe_ok(i,
                             {.head = head,
                              .chain_verified = true,
                              .latency = took,
                              .representative = representative,
                              .class_time = class_took},
                             now, random_));
      if (health_.serving(i) == policy::Serving::kIn) shared_[i].run = shared_[i].connect_run = 0;
    } else {
      const bool silent = (health_.suspects() & policy::bit_of(i)) != 0 && now > started;
      const auto failure = ended == Ended::kRefused   ? policy::ProbeFailure::kConnect
                           : ended != Ended::kTimeout ? policy::ProbeFailure::kBadReply
                           : silent                   ? policy::ProbeFailure::kSilent
                                                      : policy::ProbeFailure::kTimeout;
      apply(health_.probe_failed(i, failure, now, random_));
    }
    publish(now);
  }

  void apply(std::span<const policy::RotationChange> changes) {
    for (const policy::RotationChange& change : changes) {
      Shared& shared = shared_[change.upstream];
      shared.in_rotation = change.to != policy::Serving::kOut;
      if (shared.in_rotation) shared.run = shared.connect_run = shared.failing_classes = 0;
      if (change.abandon) leaving_.push_back(change.upstream);
    }
    // The calls taken back report to this guard in turn.
    for (const std::size_t upstream : std::exchange(leaving_, {})) around_.abandon(upstream);
  }

  void publish(TimePoint now) {
    for (std::uint32_t i = 0; i < shared_.size(); ++i) {
      const policy::UpstreamHealth& health = health_.upstream(i);
      shared_[i].answering = health.proven() && health.answers();
      shared_[i].lag = health_.standing(i, now).lag;
      shared_[i].ramp = health_.ramp_share(i, now);
    }
  }

  Surroundings& around_;
  policy::ChainHealth health_;
  std::vector<Shared> shared_;
  std::vector<Watched> watched_;
  std::vector<std::size_t> leaving_;
  Random random_;
  std::uint64_t probes_ = 0;
};

}  // namespace

std::unique_ptr<Guard> make_ours(Surroundings& around) {
  return std::make_unique<Ours>(around);
}

}  // namespace sluice::sim::health
