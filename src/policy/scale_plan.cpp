// SPDX-License-Identifier: Apache-2.0
#include "policy/scale_plan.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "policy/ewma.hpp"

namespace sluice::policy {

namespace {

/// All that shrinks keeps time with the cool-down. A rise of the load is believed so much sooner
/// than a fall, but not at the first look, which may have met a moment's peak.
constexpr int kRiseSooner = 10;
/// Peaks are kept by half cool-downs, and this is the least of these.
constexpr Duration kPeakSlotLeast = std::chrono::milliseconds(50);
/// A small excess is let be for so many cool-downs: closing and dialling one connection over and
/// over costs more than keeping it.
constexpr int kSmallExcessFor = 3;
constexpr Duration kForeseenFor = std::chrono::seconds(1);
/// Several of the chain's blocks.
constexpr Duration kLastingPeak = std::chrono::minutes(1);

/// A twentieth of a connection is not worth another.
std::uint32_t whole(double connections) noexcept {
  constexpr double kMost = 1e9;
  return static_cast<std::uint32_t>(std::ceil(std::max(std::min(connections, kMost) - 0.05, 0.0)));
}

double busy_of(const ScaleSample& sample) noexcept {
  double busy = 0;
  for (const WorkerSample& worker : sample.workers) busy += worker.busy;
  return busy;
}

std::uint32_t open_of(const ScaleSample& sample) noexcept {
  std::uint32_t open = 0;
  for (const WorkerSample& worker : sample.workers) open += worker.open;
  return open;
}

}  // namespace

std::string_view word(ScaleReason reason) noexcept {
  constexpr std::array<std::string_view, static_cast<std::size_t>(ScaleReason::kCount)> kWords = {
      "none",   "utilization", "demand",    "forecast", "forced",
      "bounds", "limit",       "throttled", "idle"};
  return kWords[static_cast<std::size_t>(reason)];
}

double sized(double load) noexcept {
  return load + 2.0 * std::sqrt(std::max(load, 0.0));
}

bool SlowShrink::follow(std::uint32_t wish, Duration cooldown, TimePoint now) noexcept {
  if (wish >= value_) {
    excess_since_ = TimePoint::max();
    if (wish == value_) return false;
    value_ = wish;
    grown_at_ = now;
    return true;
  }
  excess_since_ = std::min(excess_since_, now);
  const std::uint32_t excess = value_ - wish;
  const bool small = excess <= std::sqrt(static_cast<double>(value_)) / 2;
  if (now - grown_at_ < cooldown || now - shrunk_at_ < cooldown / 2 ||
      (small && now - excess_since_ < kSmallExcessFor * cooldown)) {
    return false;
  }
  value_ -= (excess + 1) / 2;
  shrunk_at_ = now;
  return true;
}

void LoadTracker::add(const WorkerSample& sample, Duration cooldown, TimePoint now) noexcept {
  const Duration tau = sample.busy > load_ ? cooldown / kRiseSooner : cooldown;
  const double kept = kept_after(now - last_, tau);
  load_ = last_ == TimePoint{} ? sample.busy : load_ * kept + sample.busy * (1.0 - kept);
  // So that a pool that rests comes to rest.
  if (load_ < 0.01) load_ = 0;
  lasting_peak_ =
      std::max<double>(sample.peak, lasting_peak_ * kept_after(now - last_, kLastingPeak));
  last_ = std::max(last_, now);
  const std::int64_t slot = now.time_since_epoch() / std::max(cooldown / 2, kPeakSlotLeast);
  // Slots of another length are numbered otherwise: what was kept by the old ones cannot age.
  if (std::exchange(cooldown_, cooldown) != cooldown) {
    peaks_.fill(0);
    slot_ = slot;
  }
  const std::int64_t passed = std::clamp<std::int64_t>(slot - slot_, 0, kSlots);
  for (std::int64_t i = 1; i <= passed; ++i)
    peaks_[static_cast<std::size_t>((slot_ + i) % static_cast<std::int64_t>(kSlots))] = 0;
  slot_ = std::max(slot_, slot);
  std::uint32_t& peak = peaks_[static_cast<std::size_t>(slot_) % kSlots];
  peak = std::max(peak, sample.peak);
  need_.follow(std::max(whole(sized(load_)), recent_peak()), cooldown, now);
}

std::uint32_t LoadTracker::recent_peak() const noexcept {
  return *std::ranges::max_element(peaks_);
}

ScalePlan::ScalePlan(const ScaleOptions& options, std::size_t workers)
    : options_(options), loads_(workers), shares_(workers), target_(options.min) {
  share_out({});
}

void ScalePlan::set(const ScaleOptions& options) {
  options_ = options;
}

double ScalePlan::load() const noexcept {
  double load = 0;
  for (const LoadTracker& worker : loads_) load += worker.load();
  return load;
}

ScaleStep ScalePlan::plan(const ScaleSample& sample, TimePoint now) {
  std::uint32_t need = 0;
  for (std::size_t i = 0; i < loads_.size() && i < sample.workers.size(); ++i) {
    loads_[i].add(sample.workers[i], options_.cooldown, now);
    need += loads_[i].need();
  }
  Wish reactive = wish(sample, need);
  Wish with_forecast = reactive;
  if (const double ahead = foreseen(sample, now); ahead > reactive.connections)
    with_forecast = {ahead, ScaleReason::kForecast};
  const bool act = options_.predict == Stance::kAct;
  const Wish wanted = bounded(act ? with_forecast : reactive, sample);
  ScaleStep step{.ahead = whole(bounded(with_forecast, sample).connections)};
  const std::uint32_t goal = whole(wanted.connections);
  const std::uint32_t before = target_.value();
  // Where the wish itself is slow to shrink, or somebody else orders it, there is nothing to wait
  // for.
  if (options_.mode == ScaleMode::kThreshold && wanted.reason <= ScaleReason::kForecast) {
    target_.follow(goal, options_.cooldown, now);
  } else {
    target_.set(goal);
  }
  const std::uint32_t most = std::min({options_.max, sample.ceiling_share, sample.limit});
  if (target_.value() > most) {
    target_.set(most);
    const bool limited = sample.limit < std::min(options_.max, sample.ceiling_share);
    step.reason = limited ? ScaleReason::kLimit : ScaleReason::kBounds;
  } else if (target_.value() != before) {
    const bool idle = target_.value() < before && wanted.reason == ScaleReason::kDemand;
    step.reason = idle ? ScaleReason::kIdle : wanted.reason;
  }
  share_out(sample);
  step.target = target_.value();
  return step;
}

double ScalePlan::foreseen(const ScaleSample& sample, TimePoint now) {
  if (options_.predict == Stance::kOff || options_.mode == ScaleMode::kOff) return 0;
  const double ahead = sample.forecast.value_or(0);
  if (ahead >= foreseen_ || now >= foreseen_until_) {
    foreseen_ = ahead;
    foreseen_until_ = now + kForeseenFor;
  }
  return foreseen_;
}

ScalePlan::Wish ScalePlan::wish(const ScaleSample& sample, std::uint32_t need) const {
  switch (options_.mode) {
    case ScaleMode::kOff:
      break;
    case ScaleMode::kThreshold:
      return threshold_wish(sample);
    case ScaleMode::kSized:
      return {static_cast<double>(need), ScaleReason::kDemand};
  }
  return {static_cast<double>(options_.min), ScaleReason::kBounds};
}

/// Calls dial by themselves what they cannot wait for, so that there may be more open than the
/// target; what was needed at once lately is taken over into it.
ScalePlan::Wish ScalePlan::threshold_wish(const ScaleSample& sample) const {
  double peak = 0;
  for (const LoadTracker& worker : loads_) peak += worker.recent_peak();
  const double busy = busy_of(sample);
  const double open = std::max(open_of(sample), 1U);
  if (busy > options_.up * open)
    return {std::max(open + options_.step, peak), ScaleReason::kUtilization};
  if (busy < options_.down * open)
    return {std::max(std::min(busy / options_.up, open), peak), ScaleReason::kUtilization};
  return {std::max<double>(target_.value(), peak), ScaleReason::kDemand};
}

ScalePlan::Wish ScalePlan::bounded(Wish wish, const ScaleSample& sample) const {
  const std::uint32_t target = target_.value();
  if (sample.forced) {
    wish = {static_cast<double>(*sample.forced), ScaleReason::kForced};
  } else {
    const double useful = std::ceil(sized(sample.rate_bound));
    if (wish.connections > useful) wish = {useful, ScaleReason::kThrottled};
    if (sample.throttled && wish.connections > target)
      wish = {static_cast<double>(target), ScaleReason::kThrottled};
    const std::uint32_t least = std::max(options_.min, sample.warm);
    if (wish.connections < least)
      wish = {static_cast<double>(least), target < least ? ScaleReason::kBounds : wish.reason};
  }
  const double bound = std::min(options_.max, sample.ceiling_share);
  // What exceeds a bound goes at once; what the bound only keeps from growing is named so.
  if (wish.connections > bound)
    wish = {bound, target > bound || target < bound ? ScaleReason::kBounds : wish.reason};
  if (wish.connections > sample.limit)
    wish = {static_cast<double>(sample.limit), ScaleReason::kLimit};
  return wish;
}

void ScalePlan::share_out(const ScaleSample& sample) {
  if (shares_.empty()) return;
  std::uint32_t need = 0;
  for (const LoadTracker& worker : loads_) need += worker.need();
  const std::uint32_t target = target_.value();
  std::uint32_t left = target;
  if (need > target) {
    // Each its part, rounded down; the rest to the first that need more.
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      shares_[i] = static_cast<std::uint32_t>(std::uint64_t{loads_[i].need()} * target / need);
      left -= shares_[i];
    }
    for (std::size_t i = 0; left > 0; i = (i + 1) % shares_.size()) {
      if (shares_[i] >= loads_[i].need()) continue;
      ++shares_[i];
      --left;
    }
    return;
  }
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    shares_[i] = loads_[i].need();
    left -= shares_[i];
  }
  // What is over stays where it is, or goes where bursts came, or else is spread evenly.
  for (std::size_t i = 0; i < shares_.size() && i < sample.workers.size(); ++i) {
    const std::uint32_t open = sample.workers[i].open;
    const std::uint32_t more = std::min(open > shares_[i] ? open - shares_[i] : 0, left);
    shares_[i] += more;
    left -= more;
  }
  for (std::size_t i = 0; i < shares_.size() && left > 0; ++i) {
    const std::uint32_t peak = whole(loads_[i].lasting_peak());
    const std::uint32_t more = std::min(peak > shares_[i] ? peak - shares_[i] : 0, left);
    shares_[i] += more;
    left -= more;
  }
  while (left > 0) {
    ++*std::ranges::min_element(shares_);
    --left;
  }
}

}  // namespace sluice::policy
