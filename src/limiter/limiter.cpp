// SPDX-License-Identifier: Apache-2.0
#include "limiter/limiter.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace sluice::limiter {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
static_assert(policy::kLimitClasses == upstream::kMethodClassesMax);

/// A verdict says nothing any more when no window has ended for so long.
constexpr Duration kStale = std::chrono::seconds(2);

}  // namespace

/// One upstream: its policy, and how far its board had been read.
class Limiter::Watched {
 public:
  Watched(Target target, TimePoint now) : target_(std::move(target)) { begin(now); }

  [[nodiscard]] const Target& target() const noexcept { return target_; }
  /// The same across reloads for as long as the node is.
  [[nodiscard]] const upstream::ClassBoard* board() const noexcept { return board_; }

  void set(Target target, TimePoint now) {
    const bool begins = target_.mode == Stance::kOff && target.mode != Stance::kOff;
    const bool same_pools = target.shared == target_.shared;
    target_ = std::move(target);
    if (!same_pools) held_back_ = target_.shared->held_back.load(kRelaxed);
    if (begins) begin(now);
    if (target_.mode == Stance::kOff) policy_.reset();
    if (policy_) policy_->set_bounds(min(), max());
  }

  void look(Observer& observer, TimePoint now) {
    if (!policy_) return;
    const upstream::Shared& shared = *target_.shared;
    // A stream is as slow as its client: it has a place of its own.
    const std::uint32_t carrying = shared.carrying();
    in_flight_max_ =
        std::max(in_flight_max_, carrying - std::min(carrying, shared.streaming.load(kRelaxed)));
    if (now - read_at_ < kReport) return;
    if (policy_->add(sample(now))) ended_at_ = now;
    publish(observer, now);
  }

  void publish(Observer& observer, TimePoint now) {
    const bool acts = target_.mode == Stance::kAct;
    target_.shared->limiting.store(acts && limiting(now), kRelaxed);
    const std::uint32_t streaming = target_.shared->streaming.load(kRelaxed);
    const std::uint32_t limit = acts ? std::min(policy_->limit() + streaming, max()) : max();
    // Before anybody is told, so that who looks because of it sees it.
    if (target_.shared->limit.exchange(limit) != limit) observer.limit_changed(target_.shared);
    follow_episode(observer, now);
  }

  [[nodiscard]] Report report() const noexcept {
    if (!policy_) return {.mode = Stance::kOff, .limit = max()};
    return {.mode = target_.mode,
            .limit = policy_->limit(),
            .inflation = policy_->inflation(),
            .limiting = limiting(read_at_)};
  }

 private:
  [[nodiscard]] std::uint32_t max() const noexcept {
    return target_.shared->options().connections_max;
  }
  [[nodiscard]] std::uint32_t min() const noexcept { return std::min(target_.min, max()); }

  /// Where the configured maximum is what holds calls back, the limit does not.
  [[nodiscard]] bool limiting(TimePoint now) const noexcept {
    return policy_ && policy_->limiting() && policy_->limit() < max() && now - ended_at_ < kStale;
  }

  void begin(TimePoint now) {
    board_ = &target_.shared->classes();
    if (target_.mode == Stance::kOff) return;
    policy_.emplace(policy::ConcurrencyLimit::Options{.min = min(), .max = max()});
    read_at_ = now;
    in_flight_max_ = 0;
    began_.reset();
    held_back_ = target_.shared->held_back.load(kRelaxed);
    for (std::size_t k = 0; k < read_.size(); ++k) {
      const auto totals = board_->totals(k);
      read_[k] = {totals.timed, totals.node_ns};
    }
  }

  policy::LimitSample sample(TimePoint now) noexcept {
    policy::LimitSample sample;
    sample.enforced = target_.mode == Stance::kAct;
    sample.length = now - std::exchange(read_at_, now);
    for (std::size_t k = 0; k < read_.size(); ++k) {
      const auto totals = board_->totals(k);
      const Read before = std::exchange(read_[k], {totals.timed, totals.node_ns});
      sample.classes[k] = {.count = totals.timed - before.calls,
                           .latency_s = static_cast<double>(totals.node_ns - before.ns) * 1e-9};
    }
    sample.in_flight_max = std::exchange(in_flight_max_, 0);
    // Looks may miss a moment at which all places were taken; a call that met it does not.
    const std::uint64_t held = target_.shared->held_back.load(kRelaxed);
    if (std::exchange(held_back_, held) != held)
      sample.in_flight_max = std::max(sample.in_flight_max, policy_->limit());
    return sample;
  }

  void follow_episode(Observer& observer, TimePoint now) {
    const auto tell = [&](bool begun, Duration lasted) {
      const Report found = report();
      observer.limiting(
          target_,
          {.begun = begun, .limit = found.limit, .inflation = found.inflation, .lasted = lasted});
    };
    if (limiting(now)) {
      last_limiting_ = now;
      if (began_) return;
      began_ = now;
      tell(true, {});
    } else if (began_ && (!policy_ || now - last_limiting_ >= kQuiet)) {
      tell(false, last_limiting_ - *std::exchange(began_, std::nullopt));
    }
  }

  struct Read {
    std::uint64_t calls = 0;
    std::uint64_t ns = 0;
  };

  Target target_;
  const upstream::ClassBoard* board_ = nullptr;
  std::optional<policy::ConcurrencyLimit> policy_;
  std::array<Read, upstream::kMethodClassesMax> read_{};
  std::uint64_t held_back_ = 0;
  std::uint32_t in_flight_max_ = 0;
  TimePoint read_at_{};
  TimePoint ended_at_{};
  TimePoint last_limiting_{};
  std::optional<TimePoint> began_;
};

Limiter::Limiter(Observer& observer) noexcept : observer_(observer) {}
Limiter::~Limiter() = default;

void Limiter::watch(std::vector<Target> targets, TimePoint now) {
  std::vector<std::unique_ptr<Watched>> next;
  for (Target& target : targets) {
    const auto known = std::ranges::find_if(watched_, [&](const auto& watched) {
      return watched != nullptr && watched->board() == &target.shared->classes();
    });
    if (known != watched_.end()) {
      (*known)->set(std::move(target), now);
      next.push_back(std::move(*known));
    } else {
      next.push_back(std::make_unique<Watched>(std::move(target), now));
    }
    next.back()->publish(observer_, now);
  }
  watched_ = std::move(next);
}

void Limiter::tick(TimePoint now) {
  for (const auto& watched : watched_) watched->look(observer_, now);
}

Report Limiter::report(const upstream::Shared& shared) const {
  const auto found = std::ranges::find_if(
      watched_, [&](const auto& watched) { return watched->target().shared.get() == &shared; });
  if (found == watched_.end()) return {.limit = shared.options().connections_max};
  return (*found)->report();
}

}  // namespace sluice::limiter
