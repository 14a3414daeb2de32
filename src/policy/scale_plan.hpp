// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/stance.hpp"

namespace sluice::policy {

enum class ScaleMode : std::uint8_t { kOff, kThreshold, kSized };

struct ScaleOptions {
  ScaleMode mode = ScaleMode::kThreshold;
  /// Shares of the connections that are busy, 0 to 1.
  double up = 0.8;
  double down = 0.3;
  std::uint32_t step = 2;
  Duration interval = std::chrono::milliseconds(250);
  /// After growing nothing shrinks for so long; the measure of all that shrinks.
  Duration cooldown = std::chrono::seconds(10);
  Stance predict = Stance::kOff;
  std::uint32_t min = 1;
  std::uint32_t max = 64;

  bool operator==(const ScaleOptions&) const = default;
};

/// What one worker did with its connections since the last plan.
struct WorkerSample {
  /// Busy connections on average, and at most at once.
  double busy = 0;
  std::uint32_t peak = 0;
  /// Connections it has, dialling ones too.
  std::uint32_t open = 0;
};

/// One upstream, sampled each interval.
struct ScaleSample {
  std::span<const WorkerSample> workers;
  /// Since the last plan.
  std::uint32_t connect_failures = 0;
  /// Most connections that the concurrency limit, and this upstream's share of the process's
  /// ceiling, allow.
  std::uint32_t limit = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t ceiling_share = std::numeric_limits<std::uint32_t>::max();
  /// Most calls at once that the provider's rate limit can keep under way (rate times response
  /// time); infinite without one.
  double rate_bound = std::numeric_limits<double>::infinity();
  /// A 429 asked us to stay away: growing would only bring more of them.
  bool throttled = false;
  /// Connections made ready for calls that are about to come.
  std::uint32_t warm = 0;
  /// Connections that will be needed at once before one that is dialled by the next plan could be
  /// ready: an upper figure, with nothing to be added for random swing.
  std::optional<double> forecast;
  /// An operator's order.
  std::optional<std::uint32_t> forced;
};

enum class ScaleReason : std::uint8_t {
  kNone,
  kUtilization,  ///< above `up`, or below `down`
  kDemand,       ///< what the load and its swing ask for
  kForecast,
  kForced,
  kBounds,     ///< min, max, the ceiling's share
  kLimit,      ///< the concurrency limit
  kThrottled,  ///< the provider's rate limit
  kIdle,       ///< connections that nobody has needed for a while
  kCount,
};
[[nodiscard]] std::string_view word(ScaleReason reason) noexcept;

struct ScaleStep {
  std::uint32_t target = 0;
  /// Why it differs from the target before; kNone when it does not.
  ScaleReason reason = ScaleReason::kNone;
  /// What the plan would be with the forecast; equal to `target` when that is acted on, or when
  /// there is none.
  std::uint32_t ahead = 0;
};

/// A number of connections that grows at once and shrinks slowly: by half of the excess every half
/// cool-down when nothing has grown for a whole one, and a small excess only when it has lasted for
/// three, since closing and dialling one connection over and over costs more than keeping it.
class SlowShrink {
 public:
  explicit SlowShrink(std::uint32_t start = 0) noexcept : value_(start) {}
  /// Returns whether the value has changed.
  bool follow(std::uint32_t wish, Duration cooldown, TimePoint now) noexcept;
  /// At once, whatever the direction.
  void set(std::uint32_t value) noexcept { value_ = value; }
  [[nodiscard]] std::uint32_t value() const noexcept { return value_; }

 private:
  std::uint32_t value_;
  TimePoint grown_at_{};
  TimePoint shrunk_at_{};
  /// Since when there has been an excess; max() while there is none.
  TimePoint excess_since_ = TimePoint::max();
};

/// What the load of one worker needs: the mean number of busy connections as a peak-keeping average
/// with the cool-down as its time constant, two deviations of random arrivals above it, and never
/// less than were busy at once within the last three cool-downs. A value; pure.
class LoadTracker {
 public:
  void add(const WorkerSample& sample, Duration cooldown, TimePoint now) noexcept;
  [[nodiscard]] double load() const noexcept { return load_; }
  [[nodiscard]] std::uint32_t recent_peak() const noexcept;
  [[nodiscard]] std::uint32_t need() const noexcept { return need_.value(); }
  /// Most busy at once, forgotten over some minutes: this worker's part of what is foreseen.
  [[nodiscard]] double lasting_peak() const noexcept { return lasting_peak_; }

 private:
  static constexpr std::size_t kSlots = 6;
  double load_ = 0;
  double lasting_peak_ = 0;
  TimePoint last_{};
  Duration cooldown_{0};
  std::array<std::uint32_t, kSlots> peaks_{};
  std::int64_t slot_ = 0;
  SlowShrink need_;
};

/// Connections that load `a` needs so that about one call in thirty finds none: a + 2 sqrt(a).
[[nodiscard]] double sized(double load) noexcept;

/// Plans how many connections one upstream shall have, and how they are spread over the workers.
/// `threshold` grows by steps above a share of busy connections and shrinks below another; `sized`
/// follows the load by the square-root rule. Both grow at once and shrink slowly. A forecast only
/// ever adds to that, and for a second after the moment it was for, since a burst may be late. Says
/// what shall be, does nothing itself: how fast connections are dialled is each pool's DialPlan.
/// Pure; one per upstream, one writer.
class ScalePlan {
 public:
  ScalePlan(const ScaleOptions& options, std::size_t workers);

  /// New options, as after a reload; what was learned stays.
  void set(const ScaleOptions& options);
  [[nodiscard]] ScaleStep plan(const ScaleSample& sample, TimePoint now);
  [[nodiscard]] std::uint32_t target() const noexcept { return target_.value(); }
  /// By worker; their sum is the target.
  [[nodiscard]] std::span<const std::uint32_t> shares() const noexcept { return shares_; }
  /// Busy connections of all workers, as the plan sees them.
  [[nodiscard]] double load() const noexcept;

 private:
  struct Wish {
    double connections;
    ScaleReason reason;
  };
  [[nodiscard]] Wish wish(const ScaleSample& sample, std::uint32_t need) const;
  [[nodiscard]] Wish threshold_wish(const ScaleSample& sample) const;
  [[nodiscard]] double foreseen(const ScaleSample& sample, TimePoint now);
  [[nodiscard]] Wish bounded(Wish wish, const ScaleSample& sample) const;
  void share_out(const ScaleSample& sample);

  ScaleOptions options_;
  std::vector<LoadTracker> loads_;
  std::vector<std::uint32_t> shares_;
  SlowShrink target_;
  double foreseen_ = 0;
  TimePoint foreseen_until_{};
};

}  // namespace sluice::policy
