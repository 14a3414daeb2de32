// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/crossing_forecast.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

constexpr double kFade = 0.96;      // per tick: the line rests on some four minutes
constexpr double kDamping = 0.995;  // per tick, of the slope
constexpr double kTickSeconds = 10.0;
constexpr std::uint64_t kEnough = 60;
constexpr double kErrorGain = 1.0 / 720.0;
constexpr double kErrorClip = 4.0;
constexpr double kNoiseGain = 1.0 / 60.0;
constexpr std::uint8_t kSure = 2;
constexpr double kRearm = 0.3;
constexpr Duration kGap = std::chrono::minutes(2);
constexpr double kSigmaOfMeanAbs = 1.2533;

double damped_sum(double ticks) noexcept {
  return kDamping * (1.0 - std::pow(kDamping, ticks)) / (1.0 - kDamping);
}

/// By how much a slope is extended over the whole ten minutes.
const double kReach = damped_sum(60.0);

double normal(double z) noexcept {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

}  // namespace

CrossingForecast::CrossingForecast(const CrossingOptions& options) noexcept : options_(options) {}

void CrossingForecast::restart() noexcept {
  const CrossingOptions options = options_;
  *this = CrossingForecast(options);
}

void CrossingForecast::fit(double value) noexcept {
  const double off = seen_ > 2 ? value - (level_ + slope_) : 0.0;
  noise_ += std::max(kNoiseGain, 1.0 / static_cast<double>(seen_ + 1)) * (off * off - noise_);
  s2_ = kFade * (s2_ - 2.0 * s1_ + s0_);
  s1_ = kFade * (s1_ - s0_);
  t1_ = kFade * (t1_ - t0_);
  s0_ = kFade * s0_ + 1.0;
  t0_ = kFade * t0_ + value;
  const double determinant = s0_ * s2_ - s1_ * s1_;
  slope_ = determinant > 1e-9 ? (s0_ * t1_ - s1_ * t0_) / determinant : 0.0;
  level_ = (t0_ - slope_ * s1_) / s0_;
}

void CrossingForecast::score(double value) noexcept {
  float& due = pending_[seen_ % kAhead];
  if (seen_ >= kEnough + kAhead) {
    ++scored_;
    const double gain = std::max(kErrorGain, 1.0 / static_cast<double>(scored_));
    const double error = std::abs(value - static_cast<double>(due));
    // The start of a ramp is a surprise to any line; it must not make its end unbelievable.
    error_ += gain * ((scored_ > kEnough ? std::min(error, kErrorClip * error_) : error) - error_);
  }
  due = static_cast<float>(level_ + slope_ * kReach);
}

/// Of the line's end. What the noise alone explains is the least; the errors made so far count in
/// full once there are enough of them.
double CrossingForecast::deviation() const noexcept {
  const double determinant = s0_ * s2_ - s1_ * s1_;
  // Variance of level + reach * slope for independent noise, weights squared by halving their sum.
  const double leverage =
      determinant > 1e-9 ? (s2_ - 2.0 * kReach * s1_ + kReach * kReach * s0_) / determinant : 1.0;
  const double line = std::sqrt(noise_ * leverage * 0.5);
  return std::max({line, kSigmaOfMeanAbs * error_, 1e-9 * std::abs(level_), 1e-12});
}

Duration CrossingForecast::reached_in(double limit) const noexcept {
  const double distance = slope_ != 0.0 ? (limit - level_) / slope_ : kReach;
  const double rest = 1.0 - distance * (1.0 - kDamping) / kDamping;
  const double ticks = rest > 0.0 ? std::log(rest) / std::log(kDamping) : double{kAhead};
  const double bounded = std::clamp(ticks, 0.0, 2.0 * kAhead);
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(bounded * kTickSeconds));
}

std::optional<Crossing> CrossingForecast::tick(double value, double limit, TimePoint now) noexcept {
  if (!std::isfinite(value) || !std::isfinite(limit)) return std::nullopt;
  if (seen_ > 0 && now - last_ > kGap) restart();
  last_ = now;
  fit(value);
  score(value);
  ++seen_;
  if (seen_ < kEnough) return std::nullopt;
  const double sign = options_.rising ? 1.0 : -1.0;
  const bool there = sign * (level_ - limit) >= 0.0;
  const double end = level_ + slope_ * kReach;
  probability_ = there ? 1.0 : normal(sign * (end - limit) / deviation());
  const bool sure = !there && sign * slope_ > 0.0 && probability_ > options_.probability;
  sure_ = sure ? static_cast<std::uint8_t>(std::min<int>(sure_ + 1, kSure)) : std::uint8_t{0};
  if (probability_ < kRearm) told_ = false;
  if (there) told_ = true;
  if (sure_ < kSure || told_) return std::nullopt;
  told_ = true;
  return Crossing{probability_, reached_in(limit), slope_ / kTickSeconds};
}

}  // namespace sluice::policy
