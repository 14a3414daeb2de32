// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "policy/dial_plan.hpp"
#include "policy/scale_plan.hpp"
#include "sim/pool/driver.hpp"

namespace sluice::sim::pool {

/// The product's own: a ScalePlan on the control thread's tick, a DialPlan in each worker's pool.
class Planned final : public Policy {
 public:
  Planned(const policy::ScaleOptions& options, std::uint32_t workers);

  void began(Worker& worker) override { steer(worker); }
  void called(Worker& worker) override { dials_[worker.index()].called(); }
  void missed(Worker& worker) override { dial(worker); }
  void took(Worker& worker) override {
    if (worker.idle() == 0) dial(worker);
  }
  void answered(Worker& worker, Duration took) override { dials_[worker.index()].answered(took); }
  void established(Worker& worker) override {
    dials_[worker.index()].established(worker.handshake(), worker.waiting() != 0);
    dial(worker);
  }
  [[nodiscard]] Duration interval() const override { return kSample; }
  void tick(std::vector<std::unique_ptr<Worker>>& workers, TimePoint now) override;

 private:
  /// The shell looks this often and plans every `interval`.
  static constexpr Duration kSample = std::chrono::milliseconds(50);

  void dial(Worker& worker);
  void steer(Worker& worker);

  policy::ScaleOptions options_;
  policy::ScalePlan plan_;
  std::vector<policy::DialPlan> dials_;
  std::vector<policy::WorkerSample> samples_;
  std::uint32_t looks_ = 0;
};

/// So many connections from the first call on, for ever.
class Fixed final : public Policy {
 public:
  explicit Fixed(std::uint32_t connections) : connections_(connections) {}
  void began(Worker& worker) override { worker.dial(connections_); }
  void missed(Worker& /*worker*/) override {}

 private:
  std::uint32_t connections_;
};

/// Grows by a step of 2 when more than 80 % are busy, shrinks by one when less than 30 % have been
/// for a minute; calls wait until it has. Over all workers, the step goes to the fullest.
class Threshold final : public Policy {
 public:
  void began(Worker& worker) override { worker.dial(2); }
  void missed(Worker& /*worker*/) override {}
  [[nodiscard]] Duration interval() const override { return std::chrono::milliseconds(250); }
  void tick(std::vector<std::unique_ptr<Worker>>& workers, TimePoint now) override;

 private:
  TimePoint low_since_{};
};

/// HAProxy: a call that finds nothing idle dials its own connection; every 5 s half of what exceeds
/// the highest recent use is closed (pool-purge-delay, estimated need).
class Purge final : public Policy {
 public:
  void began(Worker& worker) override { worker.dial(2); }
  void missed(Worker& worker) override {
    worker.dial(1);
    used(worker);
  }
  void took(Worker& worker) override { used(worker); }
  [[nodiscard]] bool bound() const override { return true; }
  [[nodiscard]] Duration interval() const override { return std::chrono::seconds(5); }
  void tick(std::vector<std::unique_ptr<Worker>>& workers, TimePoint now) override;

 private:
  struct Use {
    std::uint32_t max_used = 0;
    std::uint32_t est_need = 0;
  };
  void used(const Worker& worker);
  std::vector<Use> uses_;
};

/// Envoy's per_upstream_preconnect_ratio: connections for so many times the calls under way and
/// pending, up to three more at each call; calls take whichever is ready first.
class Preconnect final : public Policy {
 public:
  explicit Preconnect(double ratio) : ratio_(ratio) {}
  void began(Worker& worker) override { worker.dial(2); }
  void missed(Worker& worker) override { ahead(worker); }
  void took(Worker& worker) override { ahead(worker); }

 private:
  void ahead(Worker& worker) const;
  double ratio_;
};

}  // namespace sluice::sim::pool
