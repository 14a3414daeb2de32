// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/policies.hpp"

namespace sluice::sim::pool {

Planned::Planned(const policy::ScaleOptions& options, std::uint32_t workers)
    : options_(options),
      plan_(options, workers),
      dials_(workers, policy::DialPlan(workers)),
      samples_(workers) {}

void Planned::dial(Worker& worker) {
  const policy::PoolCount count{.busy = worker.busy(),
                                .idle = worker.idle(),
                                .connecting = worker.connecting(),
                                .waiting = worker.waiting(),
                                .target = plan_.shares()[worker.index()]};
  worker.dial(dials_[worker.index()].dials(count, worker.now()));
}

void Planned::steer(Worker& worker) {
  const std::uint32_t target = plan_.shares()[worker.index()];
  if (worker.open() > target) worker.trim(worker.open() - target);
  dial(worker);
}

void Planned::tick(std::vector<std::unique_ptr<Worker>>& workers, TimePoint now) {
  policy::ScaleSample sample;
  for (const auto& worker : workers) samples_[worker->index()].busy += worker->busy();
  if (++looks_ < options_.interval / kSample) return;
  for (const auto& worker : workers) {
    policy::WorkerSample& of = samples_[worker->index()];
    of.busy /= looks_;
    of.peak = worker->take_peak();
    of.open = worker->open();
  }
  looks_ = 0;
  sample.workers = samples_;
  sample.limit = workers.front()->limit();
  const auto step = plan_.plan(sample, now);
  if (step.reason != policy::ScaleReason::kNone) {
    for (const auto& worker : workers) steer(*worker);
  }
  std::ranges::fill(samples_, policy::WorkerSample{});
}

void Threshold::tick(std::vector<std::unique_ptr<Worker>>& workers, TimePoint now) {
  constexpr std::uint32_t kStep = 2;
  const auto share = [](const Worker& worker) {
    return static_cast<double>(worker.busy() + worker.waiting()) / std::max(worker.open(), 1U);
  };
  const auto fuller = [&](const auto& a, const auto& b) { return share(*a) < share(*b); };
  double busy = 0;
  double open = 0;
  for (const auto& worker : workers) {
    busy += worker->busy();
    open += worker->open();
  }
  if (low_since_ == TimePoint{} || busy >= 0.3 * open) low_since_ = now;
  if (busy > 0.8 * open) {
    for (std::uint32_t i = 0; i < kStep; ++i) (*std::ranges::max_element(workers, fuller))->dial(1);
  } else if (now - low_since_ >= std::chrono::seconds(60)) {
    Worker& least = **std::ranges::min_element(workers, fuller);
    if (least.open() > kStep) least.trim(1);
  }
}

void Purge::used(const Worker& worker) {
  uses_.resize(std::max<std::size_t>(uses_.size(), worker.index() + 1));
  Use& use = uses_[worker.index()];
  use.max_used = std::max(use.max_used, worker.busy() + worker.connecting());
}

void Purge::tick(std::vector<std::unique_ptr<Worker>>& workers, TimePoint /*now*/) {
  for (const auto& worker : workers) {
    used(*worker);
    Use& use = uses_[worker->index()];
    const std::uint32_t need = std::max(use.max_used, use.est_need);
    if (worker->open() > need) worker->trim((worker->open() - need + 1) / 2);
    use.est_need = std::max(use.max_used, (use.est_need + use.max_used) / 2);
    use.max_used = worker->busy() + worker->connecting();
  }
}

void Preconnect::ahead(Worker& worker) const {
  for (int i = 0; i < 3; ++i) {
    const double wanted = ratio_ * (worker.busy() + worker.waiting());
    if (worker.open() >= wanted) return;
    worker.dial(1);
  }
}

}  // namespace sluice::sim::pool
