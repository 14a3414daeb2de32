// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "sim/core/engine.hpp"
#include "sim/pool/trace.hpp"

namespace sluice::sim::pool {

class Worker;

/// What decides over the connections of one run. One instance a run, for all its workers.
class Policy {
 public:
  virtual ~Policy() = default;
  /// A call comes; asked before it looks for a connection.
  virtual void called(Worker& /*worker*/) {}
  /// It found nothing idle and waits in worker.waiting().
  virtual void missed(Worker& worker) = 0;
  /// It found one, maybe the last.
  virtual void took(Worker& /*worker*/) {}
  virtual void answered(Worker& /*worker*/, Duration /*took*/) {}
  virtual void established(Worker& /*worker*/) {}
  virtual void began(Worker& /*worker*/) {}
  /// Every this often tick() is called; zero for never.
  [[nodiscard]] virtual Duration interval() const { return Duration::zero(); }
  virtual void tick(std::vector<std::unique_ptr<Worker>>& /*workers*/, TimePoint /*now*/) {}
  /// Whether a call stays with the connection that was dialled for it.
  [[nodiscard]] virtual bool bound() const { return false; }
};

struct Setting {
  Duration handshake{0};
  /// Idle for so long, a connection closes; a policy that keeps them for ever says max().
  Duration idle_timeout = std::chrono::seconds(60);
  std::uint32_t workers = 1;
  /// Cap of all workers together.
  std::uint32_t max = 512;
  /// From the step's middle on the cap is this instead, as when a concurrency limit falls.
  std::uint32_t max_later = 512;
};

struct Run;

/// One worker's connections to the one upstream.
class Worker {
 public:
  Worker(Run& run, std::uint32_t index) : run_(run), index_(index) {}

  void arrive(const Arrival& call);
  /// Begins up to `count` handshakes, as many as the cap allows.
  void dial(std::uint32_t count);
  /// Closes up to `count` idle ones, those that have been idle for longest.
  void trim(std::uint32_t count);
  /// The cap that holds now.
  [[nodiscard]] std::uint32_t limit() const noexcept;

  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] std::uint32_t busy() const noexcept { return busy_; }
  [[nodiscard]] std::uint32_t idle() const noexcept {
    return static_cast<std::uint32_t>(idle_.size());
  }
  [[nodiscard]] std::uint32_t connecting() const noexcept { return connecting_; }
  [[nodiscard]] std::uint32_t waiting() const noexcept {
    return static_cast<std::uint32_t>(waiting_.size());
  }
  [[nodiscard]] std::uint32_t open() const noexcept { return busy_ + idle() + connecting_; }
  /// Most busy at once since it was last asked.
  [[nodiscard]] std::uint32_t take_peak() noexcept;
  [[nodiscard]] TimePoint now() const noexcept;
  [[nodiscard]] Duration handshake() const noexcept;

 private:
  struct Waiting {
    Arrival call;
    TimePoint since;
  };
  void begin(const Arrival& call, TimePoint since);
  void done(Duration took);
  void ready();
  void expire();

  Run& run_;
  const std::uint32_t index_;
  std::uint32_t busy_ = 0;
  std::uint32_t connecting_ = 0;
  std::uint32_t peak_ = 0;
  std::deque<TimePoint> idle_;
  std::deque<Waiting> waiting_;
};

/// One run of a trace under a policy.
[[nodiscard]] Outcome run(const std::vector<Arrival>& trace, const Load& load,
                          const Setting& setting, Policy& policy);

}  // namespace sluice::sim::pool
