// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "health/prober.hpp"
#include "health/resolver.hpp"
#include "health/watched.hpp"
#include "net/loop.hpp"
#include "policy/chain_health.hpp"
#include "upstream/shared.hpp"

namespace sluice::health {

/// One upstream to be watched.
struct UpstreamTarget {
  std::string name;
  std::shared_ptr<upstream::Shared> shared;
  std::uint32_t tier = 1;
  Duration interval = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(1);
  policy::HealthOptions health;

  bool operator==(const UpstreamTarget&) const = default;
};

/// One chain to be watched, with the places where its state is published for the workers.
struct ChainTarget {
  std::string name;
  /// 0: learned from the first upstream that answers.
  std::uint64_t chain_id = 0;
  /// What concerns all upstreams together.
  policy::HealthOptions health;
  std::vector<UpstreamTarget> upstreams;
  /// Keeps what the pointers point to.
  std::shared_ptr<void> owner;
  std::atomic<std::uint64_t>* head = nullptr;
  std::atomic<std::uint64_t>* learned_chain_id = nullptr;

  bool operator==(const ChainTarget&) const = default;
};

/// What the monitor tells of its findings, on the control thread.
class Observer {
 public:
  virtual ~Observer() = default;
  /// `calls`: how many the probe has made.
  virtual void probed(const std::string& chain, const std::string& upstream, ProbeOutcome outcome,
                      Duration took, std::uint32_t calls) = 0;
  virtual void rotation_changed(const std::string& chain, const UpstreamTarget& upstream,
                                const policy::RotationChange& change) = 0;
  /// It has begun to answer for another chain.
  virtual void wrong_chain(const std::string& chain, const UpstreamTarget& upstream,
                           std::uint64_t expected, std::uint64_t actual) = 0;
  virtual void breaker_changed(const std::string& chain, const UpstreamTarget& upstream,
                               const BreakerChange& change) = 0;
  /// The wait of its return for warm connections has ended: `well`, then it is back.
  virtual void warmed_up(const std::string& chain, const UpstreamTarget& upstream, bool well,
                         std::uint32_t connections, Duration took) = 0;
  /// Its first probe has ended, well or not: calls may have waited for that.
  virtual void first_probed(const UpstreamTarget& upstream) = 0;
};

struct UpstreamReport {
  std::string name;
  policy::Serving serving = policy::Serving::kOut;
  policy::HealthState state = policy::HealthState::kUnknown;
  policy::DownReason reason = policy::DownReason::kNone;
  policy::ScoreParts score;
  std::uint64_t head = 0;
  std::uint64_t lag = 0;
  std::uint64_t recoveries = 0;
  Duration latest_outage{0};  ///< how long it was out before it came back last
  double ramp = 1.0;          ///< share of its usual calls that it is given
  std::uint32_t consecutive_failures = 0;
  std::shared_ptr<upstream::Shared> shared;
};

struct ChainReport {
  std::string name;
  std::uint64_t chain_id = 0;
  std::uint64_t head = 0;
  std::vector<UpstreamReport> upstreams;
};

[[nodiscard]] std::string_view word(policy::Serving serving) noexcept;
[[nodiscard]] std::string_view word(policy::DownReason reason) noexcept;

/// The health monitor's shell: probes every upstream, gathers what live traffic saw, lets the pure
/// policy judge, and publishes the verdicts to the atomics that workers read. Control thread only;
/// owned by the app. A reload hands it new targets: a chain that stays as it was goes on
/// undisturbed, in one that changes an upstream keeps its standing through its Shared.
class Monitor {
 public:
  Monitor(net::Loop& loop, Observer& observer, std::uint64_t seed);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void watch(std::vector<ChainTarget> targets);
  void stop();
  /// Whether every chain has an upstream that is proven fit.
  [[nodiscard]] bool all_serving() const;
  [[nodiscard]] std::vector<ChainReport> report() const;

 private:
  class Chain;
  static constexpr Duration kTick = std::chrono::milliseconds(100);

  void on_tick();

  net::Loop& loop_;
  Observer& observer_;
  Random random_;
  net::Deadline tick_;
  Resolver resolver_;
  std::vector<std::unique_ptr<Chain>> chains_;
};

}  // namespace sluice::health
