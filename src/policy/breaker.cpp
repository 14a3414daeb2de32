// SPDX-License-Identifier: Apache-2.0
#include "policy/breaker.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr double kJitter = 0.2;
constexpr std::uint32_t kPermitsMax = 255;
constexpr std::uint32_t kTimesMax = 15;
constexpr std::uint32_t kCleanCalls = 64;
/// A breaker that was closed for so many open times has a clean record.
constexpr std::int64_t kForgiveFactor = 6;

constexpr std::uint64_t kMsMask = (std::uint64_t{1} << 36) - 1;

std::uint64_t ms_of(TimePoint now) noexcept {
  return static_cast<std::uint64_t>(now.time_since_epoch().count() / 1'000'000) & kMsMask;
}

/// a - b on the circle of 36 bits, two years round.
std::int64_t ms_between(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<std::int64_t>((a - b) << 28) >> 28;
}

}  // namespace

/// The control word taken apart.
struct Breaker::Control {
  BreakerState state;
  BreakerOverride forced;
  std::uint32_t times;    ///< opened lately: the exponent of the next open time
  std::uint32_t round;    ///< of half-open times, to tell late probes
  std::uint32_t permits;  ///< in flight while half-open
  std::uint32_t good;     ///< probes that went well
  std::uint64_t at_ms;    ///< closed: since when. Open: until when. Half-open: when permits lapse.

  static Control of(std::uint64_t word) noexcept {
    return {.state = static_cast<BreakerState>(word & 3),
            .forced = static_cast<BreakerOverride>(word >> 2 & 3),
            .times = static_cast<std::uint32_t>(word >> 4 & 15),
            .round = static_cast<std::uint32_t>(word >> 8 & 15),
            .permits = static_cast<std::uint32_t>(word >> 12 & 255),
            .good = static_cast<std::uint32_t>(word >> 20 & 255),
            .at_ms = word >> 28};
  }
  [[nodiscard]] std::uint64_t word() const noexcept {
    return static_cast<std::uint64_t>(state) | static_cast<std::uint64_t>(forced) << 2 |
           std::uint64_t{times} << 4 | std::uint64_t{round} << 8 | std::uint64_t{permits} << 12 |
           std::uint64_t{good} << 20 | (at_ms & kMsMask) << 28;
  }
};

/// The counting word taken apart: calls in sixteenths, so that halving keeps small counts.
struct Breaker::Counts {
  static constexpr std::uint32_t kMost = (1U << 20) - 1;
  static constexpr std::uint32_t kOne = 16;
  static constexpr std::uint32_t kRunMost = 255;
  static constexpr std::uint32_t kSlotMask = 0xffff;

  std::uint32_t ok;
  std::uint32_t failed;
  std::uint32_t run;   ///< failures in a row, without a pause of a window
  std::uint32_t slot;  ///< number of the half window, 16 bits of it

  static Counts of(std::uint64_t word) noexcept {
    return {.ok = static_cast<std::uint32_t>(word & kMost),
            .failed = static_cast<std::uint32_t>(word >> 20 & kMost),
            .run = static_cast<std::uint32_t>(word >> 40 & kRunMost),
            .slot = static_cast<std::uint32_t>(word >> 48)};
  }
  [[nodiscard]] std::uint64_t word() const noexcept {
    return std::uint64_t{ok} | std::uint64_t{failed} << 20 | std::uint64_t{run} << 40 |
           std::uint64_t{slot} << 48;
  }
  void move_to(std::uint32_t now_slot) noexcept {
    const std::uint32_t passed = (now_slot - slot) & kSlotMask;
    // Another thread's clock may be a moment ahead: that is no time gone round.
    if (passed == 0 || passed > kSlotMask - 16) return;
    if (passed > 1) run = 0;
    const std::uint32_t halvings = std::min(passed, 20U);
    ok >>= halvings;
    failed >>= halvings;
    slot = now_slot;
  }
  void add(bool is_failure) noexcept {
    std::uint32_t& which = is_failure ? failed : ok;
    if (which > kMost - kOne) {
      ok >>= 1;
      failed >>= 1;
    }
    which += kOne;
    run = is_failure ? std::min(run + 1, kRunMost) : 0;
  }
  [[nodiscard]] double calls() const noexcept { return (ok + failed) / double{kOne}; }
  [[nodiscard]] double share() const noexcept {
    return ok + failed == 0 ? 0.0 : static_cast<double>(failed) / static_cast<double>(ok + failed);
  }
};

void Breaker::configure(const BreakerOptions& options) noexcept {
  const auto ms = [](Duration d) { return std::max<std::int64_t>(1, d.count() / 1'000'000); };
  slots_per_ns_.store(2.0 / std::max(1e6, static_cast<double>(options.window.count())), kRelaxed);
  open_ms_.store(ms(options.open), kRelaxed);
  open_max_ms_.store(std::max(ms(options.open), ms(options.open_max)), kRelaxed);
  failure_ratio_.store(static_cast<float>(options.failure_ratio), kRelaxed);
  // More than that many are not counted.
  min_calls_.store(std::clamp(options.min_calls, 1U, 60'000U), kRelaxed);
  half_open_.store(std::clamp(options.half_open, 1U, kPermitsMax), kRelaxed);
}

bool Breaker::ready(TimePoint now) const noexcept {
  const std::uint64_t word = control_.load(kRelaxed);
  // Closed and not overridden: by far the most.
  if ((word & 15) == 0) [[likely]]
    return true;
  const Control control = Control::of(word);
  if (control.forced != BreakerOverride::kNone) return control.forced == BreakerOverride::kClosed;
  if (control.state == BreakerState::kClosed) return true;
  const bool time_over = ms_between(ms_of(now), control.at_ms) >= 0;
  return time_over ||
         (control.state == BreakerState::kHalfOpen && control.permits < half_open_.load(kRelaxed));
}

BreakerPass Breaker::take(TimePoint now) noexcept {
  std::uint64_t word = control_.load(kRelaxed);
  if ((word & 15) == 0) [[likely]]
    return {};
  const std::uint64_t time = ms_of(now);
  for (;;) {
    Control control = Control::of(word);
    if (control.forced != BreakerOverride::kNone)
      return {.allowed = control.forced == BreakerOverride::kClosed};
    if (control.state == BreakerState::kClosed) return {};
    const bool time_over = ms_between(time, control.at_ms) >= 0;
    if (control.state == BreakerState::kOpen) {
      if (!time_over) return {.allowed = false};
      control.state = BreakerState::kHalfOpen;
      control.round = (control.round + 1) & 15;
      control.permits = control.good = 0;
    } else if (time_over) {
      // Calls that never came back must not keep it half-open for ever.
      control.permits = 0;
    } else if (control.permits >= half_open_.load(kRelaxed)) {
      return {.allowed = false};
    }
    ++control.permits;
    control.at_ms = time + static_cast<std::uint64_t>(open_ms_.load(kRelaxed));
    if (control_.compare_exchange_weak(word, control.word(), kRelaxed)) {
      return {.allowed = true, .probe = true, .round = static_cast<std::uint8_t>(control.round)};
    }
  }
}

bool Breaker::record(BreakerPass pass, BreakerOutcome outcome, TimePoint now,
                     Random& random) noexcept {
  if (pass.probe) return judge_probe(pass, outcome, now, random);
  if (outcome == BreakerOutcome::kNeutral || !pass.allowed) return false;
  return judge_closed(outcome == BreakerOutcome::kFailed, now, random);
}

std::uint32_t Breaker::slot_of(TimePoint now) const noexcept {
  const double slots =
      static_cast<double>(now.time_since_epoch().count()) * slots_per_ns_.load(kRelaxed);
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(slots)) & Counts::kSlotMask;
}

Breaker::Counts Breaker::count(bool failed, TimePoint now) noexcept {
  const std::uint32_t slot = slot_of(now);
  std::uint64_t word = counts_.load(kRelaxed);
  if (!failed) {
    // Of a clean past this much is enough, and as long as all is well nobody writes.
    const Counts known = Counts::of(word);
    const std::uint32_t enough = std::max(kCleanCalls, min_calls_.load(kRelaxed)) * Counts::kOne;
    if (known.failed == 0 && known.slot == slot && known.ok >= enough) return known;
  }
  for (;;) {
    Counts counts = Counts::of(word);
    counts.move_to(slot);
    counts.add(failed);
    if (counts_.compare_exchange_weak(word, counts.word(), kRelaxed)) return counts;
  }
}

bool Breaker::judge_closed(bool failed, TimePoint now, Random& random) noexcept {
  const Counts counts = count(failed, now);
  if (!failed) return false;
  const bool many = counts.ok + counts.failed >= min_calls_.load(kRelaxed) * Counts::kOne;
  const bool over = many && counts.share() >= static_cast<double>(failure_ratio_.load(kRelaxed));
  if (!over && counts.run < std::min(min_calls_.load(kRelaxed), Counts::kRunMost)) return false;
  const std::uint64_t time = ms_of(now);
  std::uint64_t word = control_.load(kRelaxed);
  for (;;) {
    Control control = Control::of(word);
    if (control.state != BreakerState::kClosed) return false;
    if (ms_between(time, control.at_ms) >= kForgiveFactor * open_ms_.load(kRelaxed))
      control.times = 0;
    control.state = BreakerState::kOpen;
    control.at_ms = time + open_ms(control.times, random);
    control.times = std::min(control.times + 1, kTimesMax);
    if (control_.compare_exchange_weak(word, control.word(), kRelaxed)) return true;
  }
}

bool Breaker::judge_probe(BreakerPass pass, BreakerOutcome outcome, TimePoint now,
                          Random& random) noexcept {
  const std::uint64_t time = ms_of(now);
  std::uint64_t word = control_.load(kRelaxed);
  for (;;) {
    Control control = Control::of(word);
    if (control.state != BreakerState::kHalfOpen || control.round != pass.round) return false;
    if (control.permits > 0) --control.permits;
    bool changed = false;
    if (outcome == BreakerOutcome::kFailed) {
      control.state = BreakerState::kOpen;
      control.at_ms = time + open_ms(control.times, random);
      control.times = std::min(control.times + 1, kTimesMax);
      changed = true;
    } else if (outcome == BreakerOutcome::kOk && ++control.good >= half_open_.load(kRelaxed)) {
      control.state = BreakerState::kClosed;
      control.at_ms = time;
      changed = true;
    }
    if (!control_.compare_exchange_weak(word, control.word(), kRelaxed)) continue;
    // What was counted before it opened says nothing of the upstream that came back.
    if (changed) counts_.store(0, kRelaxed);
    return changed;
  }
}

std::uint64_t Breaker::open_ms(std::uint32_t times, Random& random) const noexcept {
  const std::int64_t most =
      std::min(open_max_ms_.load(kRelaxed), open_ms_.load(kRelaxed) << std::min(times, kTimesMax));
  // Shortened at random, so that breakers that opened together do not all try together.
  const double share = 1.0 - kJitter * random.uniform();
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(most) * share));
}

void Breaker::override_with(BreakerOverride forced) noexcept {
  std::uint64_t word = control_.load(kRelaxed);
  for (;;) {
    Control control = Control::of(word);
    control.forced = forced;
    // Whatever held before the operator's word, afterwards it begins anew.
    if (forced == BreakerOverride::kNone) {
      control.state = BreakerState::kClosed;
      control.times = control.permits = control.good = 0;
    }
    if (control_.compare_exchange_weak(word, control.word(), kRelaxed)) break;
  }
  counts_.store(0, kRelaxed);
}

BreakerOverride Breaker::overridden() const noexcept {
  return Control::of(control_.load(kRelaxed)).forced;
}

BreakerState Breaker::state() const noexcept {
  const Control control = Control::of(control_.load(kRelaxed));
  if (control.forced == BreakerOverride::kOpen) return BreakerState::kOpen;
  if (control.forced == BreakerOverride::kClosed) return BreakerState::kClosed;
  return control.state;
}

std::uint32_t Breaker::round() const noexcept {
  return Control::of(control_.load(kRelaxed)).round;
}

Duration Breaker::opens_in(TimePoint now) const noexcept {
  const Control control = Control::of(control_.load(kRelaxed));
  if (control.state != BreakerState::kOpen) return Duration::zero();
  return std::chrono::milliseconds(
      std::max<std::int64_t>(0, ms_between(control.at_ms, ms_of(now))));
}

double Breaker::failure_share(TimePoint now) const noexcept {
  Counts counts = Counts::of(counts_.load(kRelaxed));
  counts.move_to(slot_of(now));
  return counts.share();
}

double Breaker::calls(TimePoint now) const noexcept {
  Counts counts = Counts::of(counts_.load(kRelaxed));
  counts.move_to(slot_of(now));
  return counts.calls();
}

}  // namespace sluice::policy
