// SPDX-License-Identifier: Apache-2.0
#include "scaler/scaler.hpp"

#include <algorithm>
#include <utility>

#include "policy/dial_plan.hpp"
#include "policy/forecast/load_forecast.hpp"

namespace sluice::scaler {

namespace {

constexpr Duration kWarmFor = std::chrono::seconds(30);
/// From block to block: the highest in it says how many must be dialled ahead.
constexpr Duration kSeason = std::chrono::seconds(12);
/// However slow handshakes are: earlier than so long before, the burst that was is not yet over.
constexpr Duration kDialFor = std::chrono::seconds(10);
/// Calls that wait are demand up to so many times what the pool may ever have; what is more is a
/// backlog, which says nothing of how many come.
constexpr double kBacklog = 2.0;

}  // namespace

/// One upstream: its plan, what was seen since the last one, and what its workers were told.
class Scaler::Watched {
 public:
  explicit Watched(Target target)
      : plan_(target.options, target.shared->parts().size()), target_(std::move(target)) {
    begin();
    begin_forecast();
  }

  [[nodiscard]] const Target& target() const noexcept { return target_; }

  void set(Target target) {
    const bool same_pools = target.shared == target_.shared;
    plan_.set(target.options);
    target_ = std::move(target);
    if (!same_pools) begin();
    begin_forecast();
  }

  void warm(TimePoint now) noexcept { warm_until_ = now + kWarmFor; }

  void look(Observer& observer, TimePoint now) {
    std::vector<upstream::PoolPart>& parts = target_.shared->parts();
    std::uint32_t peaks = 0;
    std::uint32_t trials = 0;
    constexpr auto relaxed = std::memory_order_relaxed;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::uint32_t busy = parts[i].busy.load(relaxed);
      samples_[i].busy += busy;
      // Set back to what is busy now. The worker may raise it at the same time: then one of both
      // is lost, until its next call.
      const std::uint32_t peak = parts[i].peak.exchange(busy, relaxed);
      samples_[i].peak = std::max(samples_[i].peak, peak);
      peaks += peak;
      trials += parts[i].trials.load(relaxed);
    }
    ++looks_;
    if (forecast_ != nullptr) {
      const std::uint32_t calls = target_.shared->carrying();
      const double waiting = calls - std::min(calls, trials) + observer.queued(target_);
      forecast_->tick(std::min(std::max<double>(peaks, waiting), kBacklog * target_.options.max),
                      now);
    }
    if (now < plan_at_) return;
    plan_at_ = now + target_.options.interval;
    plan(observer, now);
    std::ranges::fill(samples_, policy::WorkerSample{});
    looks_ = 0;
  }

  [[nodiscard]] std::optional<Foresight> foresight() const {
    if (forecast_ == nullptr) return std::nullopt;
    return foresight_;
  }

  [[nodiscard]] Report report() const {
    Report report = report_;
    report.chain = target_.chain;
    report.upstream = target_.upstream;
    report.foresight = foresight();
    return report;
  }

 private:
  void begin() {
    samples_.assign(target_.shared->parts().size(), {});
    told_.assign(target_.shared->parts().size(), UINT32_MAX);
    looks_ = 0;
    connect_failures_ = target_.shared->connect_failures.load();
  }

  /// What an earlier configuration has taught it stays.
  void begin_forecast() {
    if (target_.options.predict == Stance::kOff) {
      forecast_.reset();
    } else if (forecast_ == nullptr) {
      forecast_ = std::make_unique<policy::LoadForecast>();
      foresight_ = {};
    }
  }

  void plan(Observer& observer, TimePoint now) {
    const std::uint32_t before = plan_.target();
    const policy::ScaleStep step = plan_.plan(sample(observer, now), now);
    foresight_.target = step.ahead;
    target_.shared->target.store(step.target, std::memory_order_relaxed);
    const bool early = step.reason == policy::ScaleReason::kForecast;
    const auto shares = plan_.shares();
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (std::exchange(told_[i], shares[i]) != shares[i])
        observer.steer(target_.shared, i, shares[i], early);
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
      samples_[i].busy /= looks_;
      samples_[i].open = shared.parts()[i].open.load(relaxed);
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
    if (forecast_ != nullptr) foresee(open);
    sample.forecast = foresight_.connections;
    return sample;
  }

  /// As far ahead as it takes from now, by the next plan, until as many more are ready as the
  /// highest of the coming season would need.
  void foresee(std::uint32_t open) {
    const upstream::Shared& shared = *target_.shared;
    const double most = forecast_->within(kSeason).value_or(0);
    const double missing = std::clamp<double>(most - open, 0, target_.options.max);
    Duration ready = policy::DialPlan::ready_in(static_cast<std::uint32_t>(missing),
                                                Duration(shared.handshake_ns.load()));
    if (shared.options().warm_up_verified) ready += Duration(shared.latency_ns.load());
    foresight_.horizon = std::min(ready, kDialFor) + target_.options.interval;
    foresight_.connections = forecast_->within(foresight_.horizon);
    foresight_.skill = forecast_->skill(foresight_.horizon);
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
  /// Null where prediction is off.
  std::unique_ptr<policy::LoadForecast> forecast_;
  Foresight foresight_;
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
  look(time);
  tick_.set(time + kLook);
}

void Scaler::look(TimePoint now) {
  for (const auto& watched : watched_) watched->look(observer_, now);
}

std::optional<Foresight> Scaler::foresight(const upstream::Shared& shared) const {
  for (const auto& watched : watched_) {
    if (watched->target().shared.get() == &shared) return watched->foresight();
  }
  return std::nullopt;
}

std::vector<Report> Scaler::report() const {
  std::vector<Report> reports;
  reports.reserve(watched_.size());
  for (const auto& watched : watched_) reports.push_back(watched->report());
  return reports;
}

}  // namespace sluice::scaler
