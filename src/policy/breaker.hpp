// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace sluice::policy {

struct BreakerOptions {
  double failure_ratio = 0.5;                   ///< opens at this share of failed calls
  std::uint32_t min_calls = 10;                 ///< of the window before it may open
  Duration window = std::chrono::seconds(10);   ///< calls older than this no longer count
  Duration open = std::chrono::seconds(5);      ///< how long it stays open the first time
  Duration open_max = std::chrono::minutes(1);  ///< the doublings end here
  std::uint32_t half_open = 3;  ///< good calls that close it; as many are let through at a time

  bool operator==(const BreakerOptions&) const = default;
};

enum class BreakerState : std::uint8_t { kClosed, kOpen, kHalfOpen };

/// An operator's word, which stands above what calls say.
enum class BreakerOverride : std::uint8_t { kNone, kOpen, kClosed };

enum class BreakerOutcome : std::uint8_t {
  kOk,
  kFailed,
  kNeutral,  ///< says nothing of the upstream: cancelled, a client's own fault, throttled
};

/// What a call carries from take() to record().
struct BreakerPass {
  bool allowed = true;
  bool probe = false;      ///< one of the few that a half-open breaker lets through
  std::uint8_t round = 0;  ///< which half-open time it belongs to
};

/// The circuit breaker of one upstream and method class: a class that fails is kept away from the
/// upstream while its other classes go on. Owned by what all workers share of the upstream; used
/// from any thread. Its whole state is two words that stand alone: one for the state, one for the
/// counts. Workers share it, rather than each having its own, so that ten failures are ten failures
/// however many workers met them; a closed one costs a load to ask and one exchange to record, and
/// at proxy rates two workers seldom meet in it. Counts fade by half with every half window, so
/// that what is remembered is between half a window and all of it; `min_calls` failures in a row
/// open it whatever good calls went before: a busy class that breaks is not held up by its past.
/// It cannot stick: an open one turns half-open by time, and permits whose calls never report are
/// handed out anew after `open`. It does not know of other upstreams.
class Breaker {
 public:
  Breaker() = default;
  explicit Breaker(const BreakerOptions& options) noexcept { configure(options); }
  Breaker(const Breaker&) = delete;
  Breaker& operator=(const Breaker&) = delete;

  /// Any time; what is under way goes on by the new numbers.
  void configure(const BreakerOptions& options) noexcept;

  /// Whether a call would be let through now; changes nothing.
  [[nodiscard]] bool ready(TimePoint now) const noexcept;
  /// At the start of an attempt. One that is not allowed may still be sent where there is nobody
  /// else; its outcome is then recorded as any other and changes nothing while open.
  [[nodiscard]] BreakerPass take(TimePoint now) noexcept;
  /// At the end of the attempt, once. Returns whether the state changed.
  bool record(BreakerPass pass, BreakerOutcome outcome, TimePoint now, Random& random) noexcept;

  void override_with(BreakerOverride word) noexcept;
  [[nodiscard]] BreakerOverride overridden() const noexcept;

  /// As calls see it: the override counts. An open one whose time is over still is open until a
  /// call comes.
  [[nodiscard]] BreakerState state() const noexcept;
  /// Goes up by one, round a circle of 16, with each half-open time: who looks now and then sees
  /// that it has tried meanwhile.
  [[nodiscard]] std::uint32_t round() const noexcept;
  /// When an open one lets the next call through; now or earlier where it is not open.
  [[nodiscard]] Duration opens_in(TimePoint now) const noexcept;
  /// Share of failed calls lately, and how many they were.
  [[nodiscard]] double failure_share(TimePoint now) const noexcept;
  [[nodiscard]] double calls(TimePoint now) const noexcept;

 private:
  struct Control;
  struct Counts;

  [[nodiscard]] std::uint32_t slot_of(TimePoint now) const noexcept;
  [[nodiscard]] Counts count(bool failed, TimePoint now) noexcept;
  bool judge_closed(bool failed, TimePoint now, Random& random) noexcept;
  bool judge_probe(BreakerPass pass, BreakerOutcome outcome, TimePoint now,
                   Random& random) noexcept;
  [[nodiscard]] std::uint64_t open_ms(std::uint32_t times, Random& random) const noexcept;

  std::atomic<std::uint64_t> control_{0};
  std::atomic<std::uint64_t> counts_{0};
  // Written by configure() alone.
  /// Half windows per nanosecond: a division would cost as much as all the rest.
  std::atomic<double> slots_per_ns_{1.0 / 5e9};
  std::atomic<std::int64_t> open_ms_{5000};
  std::atomic<std::int64_t> open_max_ms_{60'000};
  std::atomic<float> failure_ratio_{0.5F};
  std::atomic<std::uint32_t> min_calls_{10};
  std::atomic<std::uint32_t> half_open_{3};
};

}  // namespace sluice::policy
