// SPDX-License-Identifier: Apache-2.0
#include "scaler/scaler.hpp"

#include <algorithm>
#include <utility>

namespace sluice::scaler {

namespace {

constexpr Duration kWarmFor = std::chrono::seconds(30);

}  // namespace

/// One upstream: its plan, what was seen since the last one, and what its workers were told.
class Scaler::Watched {
 public:
  explicit Watched(Target target)
      : plan_(target.options, target.shared->parts().size()), target_(std::move(target)) {
    begin();
  }

  [[nodiscard]] const Target& target() const noexcept { return target_; }

  void set(Target target) {
    const bool same_pools = target.shared == target_.shared;
    plan_.set(target.options);
    target_ = std::move(target);
    if (!same_pools) begin();
  }

  void warm(TimePoint now) noexcept { warm_until_ = now + kWarmFor; }

  void look(Observer& observer, TimePoint now) {
    std::vector<upstream::PoolPart>& parts = target_.shared->parts();
    for (std::size_t i = 0; i < parts.size(); ++i)
      samples_[i].busy += parts[i].busy.load(std::memory_order_relaxed);
    ++looks_;
    if (now < plan_at_) return;
    plan_at_ = now + target_.options.interval;
    plan(observer, now);
    std::ranges::fill(samples_, policy::WorkerSample{});
    looks_ = 0;
  }

  [[nodiscard]] Report report() const {
    Report report = report_;
    report.chain = target_.chain;
    report.upstream = target_.upstream;
    return report;
  }

 private:
  void begin() {
    samples_.assign(target_.shared->parts().size(), {});
    told_.assign(target_.shared->parts().size(), UINT32_MAX);
    looks_ = 0;
    connect_failures_ = target_.shared->connect_failures.load();
  }

  void plan(Observer& observer, TimePoint now) {
    const std::uint32_t before = plan_.target();
    const policy::ScaleStep step = plan_.plan(sample(observer, now), now);
    target_.shared->target.store(step.target, std::memory_order_relaxed);
    const auto shares = plan_.shares();
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (std::exchange(told_[i], shares[i]) != shares[i])
        observer.steer(target_.shared, i, shares[i]);
    }
    if (step.target == before) return;
    auto& counts = step.target > before ? report_.grown : report_.shrunk;
    ++counts[static_cast<std::size_t>(step.reason)];
    observer.scaled(
        target_, {.from = before, .to = step.target, .reason = step.reason, .load = plan_.load()});
  }

  policy::ScaleSample sample(Observer& observer, TimePoint now) {
    upstream::Shared& shared = *target_.shared;
    constexpr auto relaxed = std::memory_order_relaxed;
    policy::ScaleSample sample;
    std::uint32_t open = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      upstream::PoolPart& part = shared.parts()[i];
      samples_[i].busy /= looks_;
      // Set back to what is busy now. The worker may raise it at the same time: then one of both
      // is lost, until its next call.
      samples_[i].peak = part.peak.exchange(part.busy.load(relaxed), relaxed);
      samples_[i].open = part.open.load(relaxed);
      open += samples_[i].open;
    }
    sample.workers = samples_;
    const std::uint64_t failures = shared.connect_failures.load(relaxed);
    sample.connect_failures =
        static_cast<std::uint32_t>(failures - std::exchange(connect_failures_, failures));
    sample.limit = shared.limit.load(relaxed);
    const std::uint32_t ceiling = shared.ceiling().max.load(relaxed);
    // Both change as they are read: `open` may be the more recent one.
    const std::uint32_t used = shared.ceiling().used.load(relaxed);
    const std::uint32_t others = used - std::min(used, open);
    sample.ceiling_share = ceiling > others ? ceiling - others : 0;
    // Everything that a second allows may be asked at once.
    if (target_.rate_limit > 0) {
      sample.rate_bound =
          target_.rate_limit * (1.0 + static_cast<double>(shared.latency_ns.load(relaxed)) * 1e-9);
    }
    sample.throttled = shared.throttled_until_ns.load(relaxed) > now.time_since_epoch().count();
    sample.warm = now < warm_until_ ? shared.options().warm_up : 0;
    sample.forced = observer.forced(target_);
    sample.forecast = observer.forecast(target_);
    return sample;
  }

  policy::ScalePlan plan_;
  Target target_;
  std::vector<policy::WorkerSample> samples_;
  /// By worker: the share it was told last.
  std::vector<std::uint32_t> told_;
  std::uint32_t looks_ = 0;
  std::uint64_t connect_failures_ = 0;
  TimePoint plan_at_{};
  TimePoint warm_until_{};
  Report report_;
};

Scaler::Scaler(net::Loop& loop, Observer& observer)
    : observer_(observer),
      tick_(loop.timers, [](void* self) { static_cast<Scaler*>(self)->on_tick(); }, this) {}

Scaler::~Scaler() = default;

void Scaler::watch(std::vector<Target> targets) {
  std::vector<std::unique_ptr<Watched>> next;
  for (Target& target : targets) {
    const auto known = std::ranges::find_if(watched_, [&](const auto& watched) {
      return watched != nullptr && watched->target().chain == target.chain &&
             watched->target().upstream == target.upstream;
    });
    if (known != watched_.end()) {
      (*known)->set(std::move(target));
      next.push_back(std::move(*known));
    } else {
      next.push_back(std::make_unique<Watched>(std::move(target)));
    }
  }
  watched_ = std::move(next);
  tick_.set(now() + kLook);
}

void Scaler::warmed_up(const upstream::Shared& shared) {
  for (const auto& watched : watched_) {
    if (watched->target().shared.get() == &shared) watched->warm(now());
  }
}

void Scaler::stop() {
  tick_.clear();
  watched_.clear();
}

void Scaler::on_tick() {
  const TimePoint time = now();
  for (const auto& watched : watched_) watched->look(observer_, time);
  tick_.set(time + kLook);
}

std::vector<Report> Scaler::report() const {
  std::vector<Report> reports;
  reports.reserve(watched_.size());
  for (const auto& watched : watched_) reports.push_back(watched->report());
  return reports;
}

}  // namespace sluice::scaler
