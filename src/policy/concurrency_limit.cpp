// SPDX-License-Identifier: Apache-2.0
#include "policy/concurrency_limit.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

/// A baseline is the mean of about so many calls.
constexpr double kBaselineCalls = 600.0;
/// Below that share of the limit an upstream is idle enough to be learned from.
constexpr double kQuietShare = 0.5;
/// Without queues windows differ by so much through luck alone.
constexpr double kNoInflation = 1.03;
constexpr double kFasterThanKnown = 0.8;
/// The weight of the latest window in the inflation.
constexpr double kLatest = 0.4;
/// In square roots of the limit, by the window.
constexpr double kGrowth = 0.5;

// The regression of one run: what remains of a window's weight after the next one, and from how
// many windows and how large a deviation of ln(limit) on a slope is told.
constexpr double kWindowKept = 0.85;
constexpr double kWindowsMin = 3.6;
constexpr double kSudden = 0.35;  ///< more than luck does to ln(busy / limit)
constexpr double kMoved = 0.15;
/// Slopes are about 1 where work follows the limit, and about 0 where calls queue.
constexpr double kFollows = 0.7;
constexpr double kFollowsNot = 0.3;
constexpr double kDrift = 1.15;
constexpr double kQueues = 1.2;
/// A limit that has stood at its bound so long is raised for a while, to learn what comes of it.
constexpr std::uint32_t kPinnedMax = 12;
constexpr std::uint32_t kRaisedFor = 5;
/// So many windows tell what a call takes once it is known that its time has changed.
constexpr std::uint32_t kAnewWindows = 8;
/// Places are the mean of about so many windows, and those of before a change are remembered for as
/// many.
constexpr std::uint32_t kPlacesWindows = 12;
/// Few windows are no memory.
constexpr std::uint32_t kPlacesWindowsMin = 4;
/// In place of the smoothing, as long as more than that is known to queue.
constexpr double kHaste = 0.5;

}  // namespace

void ConcurrencyLimit::Regression::add(double ln_limit, double ln_busy) noexcept {
  for (double* sum : {&n, &x, &y, &xx, &xy}) *sum *= kWindowKept;
  n += 1.0;
  x += ln_limit;
  y += ln_busy;
  xx += ln_limit * ln_limit;
  xy += ln_limit * ln_busy;
}

void ConcurrencyLimit::Regression::shift_busy(double ln) noexcept {
  y += n * ln;
  xy += x * ln;
}

std::optional<double> ConcurrencyLimit::Regression::slope() const noexcept {
  if (n < kWindowsMin) return std::nullopt;
  const double variance = xx / n - (x / n) * (x / n);
  if (variance < kMoved * kMoved) return std::nullopt;
  return (xy / n - (x / n) * (y / n)) / variance;
}

bool ConcurrencyLimit::add(const LimitSample& sample) noexcept {
  // A pause is no part of the window that follows: nobody asked for anything in it.
  if (sample.in_flight_max == 0 &&
      std::ranges::all_of(sample.classes, [](const auto& each) { return each.count == 0; })) {
    return false;
  }
  window_.enforced = sample.enforced;
  window_.length += sample.length;
  window_.in_flight_max = std::max(window_.in_flight_max, sample.in_flight_max);
  std::uint64_t calls = 0;
  for (std::size_t c = 0; c < kLimitClasses; ++c) {
    window_.classes[c].count += sample.classes[c].count;
    window_.classes[c].latency_s += sample.classes[c].latency_s;
    calls += window_.classes[c].count;
  }
  if (window_.length < options_.window || calls < options_.samples_min) return false;
  end_window();
  window_ = {};
  return true;
}

void ConcurrencyLimit::end_window() noexcept {
  double took = 0.0;
  double known = 0.0;
  double all = 0.0;
  for (std::size_t c = 0; c < kLimitClasses; ++c) {
    all += window_.classes[c].latency_s;
    if (baselines_[c].mean_s <= 0.0) continue;
    took += window_.classes[c].latency_s;
    known += static_cast<double>(window_.classes[c].count) * baselines_[c].mean_s;
  }
  double inflation = known > 0.0 && took > 0.0 ? took / known : 1.0;
  const double in_flight = all / seconds(window_.length);
  const bool held = window_.in_flight_max >= limit();
  if (anew_ == 0) {
    faster_ = inflation < kFasterThanKnown ? faster_ + 1 : 0;
    // Nothing is faster than without queues: each call takes less by now.
    if (faster_ >= 2 && held) {
      begin_anew(places_.mean > 0.0 ? places_.mean : in_flight);
    } else if (faster_ >= 2) {
      scale_baselines(inflation);
      inflation = inflation_ = 1.0;
      faster_ = 0;
    }
  }
  if (anew_ > 0 && held && in_flight > 0.0) inflation = learn_anew(in_flight, inflation);
  if (faster_ == 0) inflation_ += kLatest * (inflation - inflation_);
  limiting_ = held || inflation_ > options_.tolerance;
  if (limiting_) {
    move(in_flight / inflation, held);
  } else if (in_flight <= kQuietShare * limit_) {
    follows_ = {};
    share_lately_.reset();
    anew_ = 0;
    learn();
    if (2.0 * window_.in_flight_max <= limit_) return_to_max();
  }
  meet_new_classes(inflation);
}

/// Less than half of it would do: what was found of an overload that is over would only be in the
/// way of the next burst.
void ConcurrencyLimit::return_to_max() noexcept {
  limit_ = std::min(limit_ + kGrowth * std::sqrt(limit_), static_cast<double>(options_.max));
}

void ConcurrencyLimit::begin_anew(double places) noexcept {
  places_ = {.mean = places, .windows = kPlacesWindows};
  places_before_ = 0.0;
  anew_ = kAnewWindows;
  faster_ = 0;
}

/// As many calls as before are worked on at once, so that this window tells what each takes. All
/// that are learned from count alike. Returns the window's inflation by the new baselines.
double ConcurrencyLimit::learn_anew(double in_flight, double inflation) noexcept {
  const double windows = kAnewWindows + 1 - anew_--;
  const double measured = places_.mean * inflation / in_flight;
  const double factor = std::pow(measured, 1.0 / windows);
  scale_baselines(factor);
  follows_ = {};
  inflation_ = std::max(in_flight / places_.mean, 1.0);
  return inflation / factor;
}

/// A class that is met for the first time is taken as inflated as the others.
void ConcurrencyLimit::meet_new_classes(double inflation) noexcept {
  for (std::size_t c = 0; c < kLimitClasses; ++c) {
    if (baselines_[c].mean_s > 0.0 || window_.classes[c].count == 0) continue;
    const auto count = static_cast<double>(window_.classes[c].count);
    baselines_[c] = {window_.classes[c].latency_s / count / inflation, count};
  }
}

void ConcurrencyLimit::learn() noexcept {
  for (std::size_t c = 0; c < kLimitClasses; ++c) {
    const auto count = static_cast<double>(window_.classes[c].count);
    Baseline& base = baselines_[c];
    if (count <= 0.0 || base.mean_s <= 0.0) continue;
    base.seen = std::min(base.seen + count, kBaselineCalls);
    const double weight = std::min(count / base.seen, 1.0);
    base.mean_s += weight * (window_.classes[c].latency_s / count - base.mean_s);
  }
}

void ConcurrencyLimit::Places::add(double busy) noexcept {
  windows = std::min(windows + 1, kPlacesWindows);
  mean += (busy - mean) / windows;
}

void ConcurrencyLimit::move(double busy, bool held) noexcept {
  const bool grows =
      held && faster_ == 0 && anew_ == 0 && (inflation_ <= kNoInflation || raised_ > 0);
  if (grows != growing_) follows_ = {};
  growing_ = grows;
  if (held && busy > 0.0) watch(busy);
  if (anew_ > 0) busy = places_.mean;
  if (grows) {
    limit_ += kGrowth * std::sqrt(limit_);
  } else {
    const double target = busy + options_.headroom * std::sqrt(busy);
    const bool haste = held && inflation_ > options_.tolerance;
    limit_ += (haste ? kHaste : options_.smoothing) * (std::max(target, 0.5 * limit_) - limit_);
  }
  const auto min = static_cast<double>(options_.min);
  pinned_ = held && limit_ <= min ? pinned_ + 1 : 0;
  if (raised_ > 0) --raised_;
  if (pinned_ >= kPinnedMax) raised_ = kRaisedFor, pinned_ = 0;
  limit_ = std::clamp(limit_, min, static_cast<double>(options_.max));
}

/// A window in which the limit held calls back.
void ConcurrencyLimit::watch(double busy) noexcept {
  if (anew_ > 0 || faster_ > 0) return;
  const double share = std::log(busy / limit_);
  if (share_lately_ && std::abs(share - *share_lately_) > kSudden) {
    follows_ = {};
    share_lately_ = share;
  }
  share_lately_ = share_lately_ ? *share_lately_ + kLatest * (share - *share_lately_) : share;
  if (places_.windows >= kPlacesWindowsMin && std::abs(std::log(busy / places_.mean)) > kSudden) {
    if (places_before_ <= 0.0) places_before_ = places_.mean;
    places_ = {};
  } else if (places_.windows >= kPlacesWindows) {
    places_before_ = 0.0;
  }
  follows_.add(std::log(limit_), std::log(busy));
  places_.add(busy);
  if (window_.enforced) doubt_baselines();
}

/// `follows_` is of windows through which the limit has only fallen, or only risen.
void ConcurrencyLimit::doubt_baselines() noexcept {
  const auto slope = follows_.slope();
  if (!slope) return;
  if (inflation_ > kQueues && *slope > kFollows) {
    if (places_before_ > 0.0) {
      begin_anew(places_before_);
      limit_ = places_.mean;
    } else {
      scale_baselines(inflation_);
    }
  } else if (growing_ && raised_ == 0 && *slope < kFollowsNot) {
    scale_baselines(1.0 / kDrift);
  }
}

void ConcurrencyLimit::scale_baselines(double factor) noexcept {
  for (Baseline& base : baselines_) base.mean_s *= factor;
  follows_.shift_busy(std::log(factor));
  if (share_lately_) *share_lately_ += std::log(factor);
  inflation_ /= factor;
}

std::uint32_t ConcurrencyLimit::limit() const noexcept {
  return static_cast<std::uint32_t>(std::lround(limit_));
}

void ConcurrencyLimit::set_bounds(std::uint32_t min, std::uint32_t max) noexcept {
  const bool at_max = limit_ >= static_cast<double>(options_.max);
  options_.min = min;
  options_.max = std::max(min, max);
  if (at_max) limit_ = static_cast<double>(options_.max);
  limit_ = std::clamp(limit_, static_cast<double>(options_.min), static_cast<double>(options_.max));
}

}  // namespace sluice::policy
