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
constexpr double kNoInflation = 1.08;
constexpr double kFasterThanKnown = 0.85;
constexpr double kLearnFast = 0.5;
/// What remains of a window's weight in the regression after the next one.
constexpr double kWindowKept = 0.85;
constexpr double kFollows = 0.6;
constexpr double kDrift = 1.15;
/// Deviation of ln(limit) from which a slope is told.
constexpr double kMoved = 0.07;

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

double ConcurrencyLimit::Regression::slope() const noexcept {
  if (n <= 0.0) return 0.0;
  const double variance = xx / n - (x / n) * (x / n);
  if (variance < kMoved * kMoved) return 0.0;
  return (xy / n - (x / n) * (y / n)) / variance;
}

bool ConcurrencyLimit::add(const LimitSample& sample) noexcept {
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
  const bool held = window_.in_flight_max >= limit();
  inflation_ = known > 0.0 && took > 0.0 ? took / known : 1.0;
  limiting_ = held || inflation_ > options_.tolerance;
  const double in_flight = all / seconds(window_.length);
  const double busy = in_flight / inflation_;
  if (limiting_) {
    move(busy, held);
  } else if (in_flight <= kQuietShare * limit_) {
    follows_ = {};
    learn(1.0);
  }
  if (inflation_ < kFasterThanKnown) learn(kLearnFast);
  // A class that is met for the first time is taken as inflated as the others.
  for (std::size_t c = 0; c < kLimitClasses; ++c) {
    if (baselines_[c].mean_s > 0.0 || window_.classes[c].count == 0) continue;
    const auto count = static_cast<double>(window_.classes[c].count);
    baselines_[c] = {window_.classes[c].latency_s / count / inflation_, count};
  }
}

void ConcurrencyLimit::learn(double weight_max) noexcept {
  for (std::size_t c = 0; c < kLimitClasses; ++c) {
    const auto count = static_cast<double>(window_.classes[c].count);
    Baseline& base = baselines_[c];
    if (count <= 0.0 || base.mean_s <= 0.0) continue;
    const double mean = window_.classes[c].latency_s / count;
    base.seen = std::min(base.seen + count, kBaselineCalls);
    double weight = std::min(count / base.seen, weight_max);
    if (weight_max < 1.0 && mean < base.mean_s) weight = weight_max;
    base.mean_s += weight * (mean - base.mean_s);
  }
}

void ConcurrencyLimit::move(double busy, bool held) noexcept {
  const double was = limit_;
  if (held && busy > 0.0) follows_.add(std::log(was), std::log(busy));
  if (held && inflation_ <= kNoInflation) {
    limit_ += std::sqrt(limit_);
  } else {
    const double target = busy + options_.headroom * std::sqrt(busy);
    limit_ += options_.smoothing * (std::max(target, 0.5 * limit_) - limit_);
    if (follows_.slope() > kFollows) scale_baselines(std::min(kDrift, inflation_));
  }
  limit_ = std::clamp(limit_, static_cast<double>(options_.min), static_cast<double>(options_.max));
}

void ConcurrencyLimit::scale_baselines(double factor) noexcept {
  for (Baseline& base : baselines_) base.mean_s *= factor;
  follows_.shift_busy(std::log(factor));
}

std::uint32_t ConcurrencyLimit::limit() const noexcept {
  return static_cast<std::uint32_t>(std::lround(limit_));
}

void ConcurrencyLimit::set_bounds(std::uint32_t min, std::uint32_t max) noexcept {
  options_.min = min;
  options_.max = std::max(min, max);
  limit_ = std::clamp(limit_, static_cast<double>(options_.min), static_cast<double>(options_.max));
}

}  // namespace sluice::policy
