// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "policy/chain_health.hpp"
#include "policy/concurrency_limit.hpp"
#include "policy/hedge.hpp"
#include "policy/queue.hpp"
#include "policy/retry.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/statistics.hpp"
#include "sim/core/upstream_model.hpp"
#include "sim/tail/limits.hpp"
#include "sim/tail/times.hpp"

namespace sluice::sim {

struct MethodMix {
  double share = 1.0;
  double median_s = 0.004;
  double size_sigma = 0.5;  ///< of the call: the same on every node
  double luck_sigma = 0.5;  ///< of the attempt
  policy::Resend resend = policy::Resend::kFreely;
};

enum class Waiting : std::uint8_t { kSluice, kFifo, kNone };
enum class Limiting : std::uint8_t { kSluice, kFixed, kVegas, kGradient2 };
enum class Hedging : std::uint8_t { kOff, kSluice, kUnbudgeted };
enum class Retrying : std::uint8_t { kSluice, kNaive };
enum class Picking : std::uint8_t { kRoundRobin, kLeastInFlight };

struct DeskOptions {
  std::uint64_t seed = 1;
  std::uint32_t workers = 1;
  std::vector<UpstreamOptions> nodes;
  std::vector<MethodMix> methods;
  std::uint32_t clients = 20;
  double critical_share = 0.0;
  /// Calls a second, by the time since the start.
  std::function<double(Duration)> rate;
  Duration time = std::chrono::seconds(60);
  Duration deadline = std::chrono::seconds(2);
  Duration attempt_timeout = std::chrono::seconds(10);
  Duration queue_timeout = std::chrono::seconds(2);
  std::uint32_t pool_max = 64;
  Waiting waiting = Waiting::kSluice;
  Limiting limiting = Limiting::kSluice;
  Hedging hedging = Hedging::kOff;
  Retrying retrying = Retrying::kSluice;
  Picking picking = Picking::kLeastInFlight;
  policy::HedgeOptions hedge;
  policy::ConcurrencyLimit::Options limit;
  /// Changes the nodes while calls run.
  std::function<void(Engine&, std::vector<std::unique_ptr<UpstreamModel>>&)> script;
};

/// How one call fared.
struct Fate {
  Duration at{0};  ///< it came, since the start
  Duration took{0};
  bool served = false;
  bool critical = false;
};

struct DeskResult {
  std::vector<Fate> calls;
  std::uint64_t hedges = 0;
  std::uint64_t retries = 0;
  std::uint64_t after_deadline = 0;               ///< sent when its deadline had passed
  std::uint64_t twice = 0;                        ///< writes that may have run more than once
  std::vector<std::uint64_t> attempts_by_second;  ///< probes included
  /// Of the first upstream, every 100 ms.
  std::vector<std::uint32_t> limits;
};

/// A proxy before simulated nodes: workers with their own budgets, one queue, one limiter to each
/// upstream with its tick, the real health rules with theirs; decisions are those of the policy
/// classes, or of the baseline that is asked for. Connections are places: dialling is modelled only
/// where a place moves to another worker.
class Desk {
 public:
  explicit Desk(const DeskOptions& options);
  [[nodiscard]] DeskResult run();

 private:
  static constexpr std::size_t kAttempts = 8;
  static constexpr Duration kTick = std::chrono::milliseconds(100);
  static constexpr Duration kDial = std::chrono::milliseconds(1);
  static constexpr std::uint64_t kProbeCalls = std::uint64_t{1} << 48;

  struct Attempt {
    std::uint32_t upstream = 0;
    TimePoint started{};
    bool alive = false;
    bool node_down = false;  ///< the connection was refused
  };
  struct Call {
    TimePoint came{};
    TimePoint deadline{};
    TimePoint wait_until{};
    std::uint32_t worker = 0;
    std::uint32_t client = 0;
    std::uint32_t method = 0;
    policy::Priority priority = policy::Priority::kNormal;
    policy::UpstreamSet tried = 0;
    policy::RetryState retry;
    std::array<Attempt, kAttempts> attempts;
    std::uint32_t attempts_made = 0;
    std::uint32_t may_have_run = 0;
    std::optional<policy::WaitHandle> waiting;
    bool queued = false;
    bool done = false;
  };
  struct Upstream {
    std::uint32_t in_flight = 0;
    std::uint32_t room = 0;  ///< how many may be
    std::uint32_t consecutive = 0;
    std::uint32_t consecutive_connect = 0;
    std::uint32_t outrun = 0;  ///< attempts in a row that a second one was faster than
    policy::Passive passive;
    policy::LimitSample sample;
    std::vector<RecentTimes> times;  ///< by method
    std::vector<Duration> late;      ///< the quantile for hedges, a tick old
    std::vector<std::uint64_t> samples;
    policy::ConcurrencyLimit limit;
    Vegas vegas;
    Gradient2 gradient2;
  };
  struct Worker {
    policy::RetryBudget budget;
    policy::HedgeBudget hedges;
    Random random;
  };

  void schedule_arrival();
  void arrive();
  /// False when the call waits. `lane`: of the place that has been granted.
  bool route(std::uint32_t call, std::optional<std::uint32_t> lane = std::nullopt);
  [[nodiscard]] policy::UpstreamSet eligible(const Call& call, bool best) const;
  [[nodiscard]] std::optional<std::uint32_t> pick(policy::UpstreamSet set);
  void attempt(std::uint32_t call, std::uint32_t upstream, Duration dial);
  void count_attempt();
  void plan_hedge(std::uint32_t call);
  void hedge(std::uint32_t call);
  bool wait(std::uint32_t call, policy::UpstreamSet among);
  void wait_over(std::uint32_t call);
  void on_reply(std::uint32_t call, std::uint32_t attempt, Reply reply);
  void on_timeout(std::uint32_t call, std::uint32_t attempt);
  void failed(std::uint32_t call, std::uint32_t attempt, policy::Failure failure);
  void retry(std::uint32_t call, policy::Failure failure);
  void let_go(std::uint32_t call, std::uint32_t attempt);
  void finish(std::uint32_t call, bool served);
  void learn(const Call& call, const Attempt& attempt, bool ok);
  void serve(std::uint32_t upstream, std::uint32_t lane);
  void tick();
  void probe(std::uint32_t upstream);
  void update_room(std::uint32_t upstream);
  [[nodiscard]] Duration expected(std::uint32_t method) const { return medians_[method]; }
  [[nodiscard]] double service_s(std::uint32_t call, std::uint32_t attempt) const;

  DeskOptions options_;
  Engine engine_;
  std::vector<std::unique_ptr<UpstreamModel>> nodes_;
  std::vector<Upstream> upstreams_;
  std::vector<Worker> workers_;
  policy::WaitQueue queue_;
  std::deque<std::uint32_t> fifo_;
  policy::ChainHealth health_;
  Random health_random_;
  std::deque<Call> calls_;
  std::vector<Duration> medians_;
  Random arrivals_;
  std::uint64_t probes_ = 0;
  std::uint32_t turn_ = 0;
  std::uint64_t ticks_ = 0;
  DeskResult result_;
};

}  // namespace sluice::sim
