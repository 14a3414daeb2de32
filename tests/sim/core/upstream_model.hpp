// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <vector>

#include "base/clock.hpp"
#include "sim/core/engine.hpp"

namespace sluice::sim {

/// How an attempt ended, as the proxy sees it.
enum class Reply : std::uint8_t {
  kOk,
  kError,      ///< an error that is the node's fault
  kThrottled,  ///< 429
  kRefused,    ///< the connection was refused: nothing ran
  kRejected,   ///< its queue was full
};

struct UpstreamOptions {
  std::uint32_t workers = 1;
  /// Calls that may wait; more are rejected at once.
  std::uint32_t queue_max = std::numeric_limits<std::uint32_t>::max();
  /// There and back.
  Duration network_delay{0};
  /// Service times are multiplied by it.
  double slowness = 1.0;
  /// By method; empty is 1 for all.
  std::vector<double> slowness_by_method;
  /// Calls a second beyond which it answers 429 (a token bucket with one second's burst); 0 is
  /// none.
  double rate_limit = 0.0;
};

/// What the fault script may change while calls run.
struct Faults {
  bool crashed = false;     ///< connections are refused; what ran is cut off as refused
  bool black_hole = false;  ///< takes calls and never answers
  /// Nothing starts before then (garbage collection, a flush); what runs is held up too.
  TimePoint stalled_until{};
  double slowness = 1.0;
  double error_share = 0.0;
  /// Methods that always fail, as a set of bits.
  std::uint64_t failing_methods = 0;
  /// What a failing call takes; 0 is as long as a good one.
  Duration error_time{0};
  bool throttling = false;
};

/// One simulated node: `workers` calls at a time, the rest wait in order. The time a call takes and
/// whether it draws an error come from the call's own number, so they are the same whichever policy
/// sent it. Owned by a run, on its engine.
class UpstreamModel {
 public:
  using Done = std::move_only_function<void(Reply)>;

  UpstreamModel(Engine& engine, std::uint32_t index, std::uint64_t seed, UpstreamOptions options)
      : engine_(engine), index_(index), seed_(seed), options_(std::move(options)) {}
  UpstreamModel(const UpstreamModel&) = delete;
  UpstreamModel& operator=(const UpstreamModel&) = delete;

  /// `service_s`: what the call would take on a node of slowness 1. `call`: its number in the run,
  /// another one for each attempt that shall have luck of its own. `done` comes once, or never from
  /// a black hole.
  void send(std::uint64_t call, std::uint32_t method, double service_s, Done done);
  /// The client is not interested any more: a call that still waits is dropped; one that runs runs
  /// on, as a node does. `call` as in send().
  void cancel(std::uint64_t call);

  /// From now on; a crash or a hole hits what is under way too.
  void set(const Faults& faults);
  [[nodiscard]] const Faults& faults() const noexcept { return faults_; }
  void set_workers(std::uint32_t workers);
  void set_slowness(double slowness) { options_.slowness = slowness; }
  [[nodiscard]] const UpstreamOptions& options() const noexcept { return options_; }

  [[nodiscard]] std::uint32_t running() const noexcept { return running_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  /// What the call would take if it began now.
  [[nodiscard]] double time_of(std::uint32_t method, double service_s) const noexcept;
  /// Expected finish of a call sent now, for the clairvoyant.
  [[nodiscard]] double finish_in_s(std::uint32_t method, double service_s) const;

 private:
  struct Job {
    std::uint64_t call;
    std::uint32_t method;
    double service_s;
    Done done;
  };
  /// Under way in the network or in a worker; a change of epoch cuts it off.
  void arrive(Job job);
  void start(Job job);
  void finish(std::uint64_t epoch, Job job, Reply reply);
  void next();
  void reply_after(Duration delay, Done done, Reply reply);

  Engine& engine_;
  const std::uint32_t index_;
  const std::uint64_t seed_;
  UpstreamOptions options_;
  Faults faults_;
  std::deque<Job> queue_;
  /// When each running call will be done, for finish_in_s().
  std::vector<TimePoint> busy_until_;
  double tokens_ = -1.0;
  TimePoint tokens_at_{};
  std::uint64_t epoch_ = 0;
  std::uint64_t received_ = 0;
  std::uint32_t running_ = 0;
};

}  // namespace sluice::sim
