// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "policy/retry.hpp"
#include "policy/upstream_set.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/upstream_model.hpp"
#include "sim/health/guard.hpp"

namespace sluice::sim::health {

/// What happens to the first upstream.
enum class Script : std::uint8_t {
  kNothing,
  kCrash,
  kBlackHole,
  kErrors30,
  kOneMethod,
  kSlow10,
  kFrozenHead,
  kFlapping,
};
[[nodiscard]] std::string_view word(Script script) noexcept;

struct Scene {
  Script script = Script::kCrash;
  GuardKind guard = GuardKind::kOurs;
  double rate = 100;
  std::size_t upstreams = 3;
  std::uint32_t workers = 1;
  bool retries = true;
  Duration before = 20s;
  Duration fault = 30s;
  Duration after = 20s;
};

struct Outcome {
  double calls = 0;   ///< from the fault on
  double errors = 0;  ///< of them, those whose clients got an error
  /// Until the first upstream was left alone, from the fault and from the first call that met it;
  /// the fault's length when it never was.
  double detected_s = 0;
  double detected_after_call_s = 0;
  /// Calls that it was sent until then.
  double detected_calls = 0;
  /// From the repair until it was used as before; what was left of the run when it never was.
  double returned_s = 0;
  /// Share of the fault's time for which it was kept from kinds of calls that it serves well.
  double others_blocked = 0;
  double probes = 0;
  double mean_s = 0;  ///< of good calls
};

/// Calls, workers, upstreams, and the fault: one run.
class Run {
 public:
  Run(const Scene& scene, std::uint64_t seed);
  [[nodiscard]] Outcome go();

 private:
  struct Call {
    Kind kind = kCheap;
    std::uint32_t worker = 0;
    double service_s = 0;
    TimePoint begun{};
    TimePoint deadline{};
    TimePoint started{};
    policy::UpstreamSet tried = 0;
    policy::RetryState retry;
    std::uint32_t attempts = 0;
    std::uint32_t upstream = 0;
    std::uint32_t token = 0;
    std::size_t place = 0;  ///< among those under way there
    bool under_way = false;
  };
  struct Worker {
    std::unique_ptr<policy::Balancer> balancer;
    policy::RetryBudget budget;
    Random random;
  };

  void arrive();
  void route(std::uint64_t id);
  [[nodiscard]] policy::UpstreamSet eligible(const Call& call, Rank rank);
  [[nodiscard]] std::uint32_t pick(const Call& call, policy::UpstreamSet set);
  void attempt(std::uint64_t id, std::uint32_t upstream);
  void ended(std::uint64_t id, Ended how);
  void fail(std::uint64_t id, policy::Failure failure);
  void done(std::uint64_t id, bool well);
  void abandon(std::size_t upstream);
  void ask(std::size_t upstream, Kind kind, Duration timeout,
           std::function<void(Ended, Duration)> done);
  [[nodiscard]] std::uint64_t head_of(std::size_t upstream) const;
  [[nodiscard]] Ended how(std::size_t upstream, Reply reply, TimePoint started) const;
  void break_it();
  void repair();
  void flap();
  void sample();

  Scene scene_;
  std::uint64_t seed_;
  Engine engine_;
  std::vector<std::unique_ptr<UpstreamModel>> nodes_;
  std::vector<std::vector<std::uint64_t>> under_way_;
  std::vector<Worker> workers_;
  std::vector<Call> calls_;
  Surroundings around_;
  std::unique_ptr<Guard> guard_;
  Random arrivals_;
  TimePoint broken_at_;
  TimePoint repaired_at_;
  TimePoint down_since_{};
  TimePoint frozen_at_ = TimePoint::max();
  TimePoint first_met_{};
  std::uint64_t asked_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t blocked_ = 0;
  double served_ = 0;
  double served_s_ = 0;
  bool over_ = false;
  bool detected_ = false;
  bool returned_ = false;
  Outcome outcome_;
};

}  // namespace sluice::sim::health
