// SPDX-License-Identifier: Apache-2.0
#include "policy/forecast/layer.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

// Gains per sample, and the damping of the trend (Gardner and McKenzie 1985): an undamped trend
// overshoots after every step of the load.
constexpr double kAlpha = 0.3;
constexpr double kBeta = 0.05;
constexpr double kGamma = 0.2;
constexpr double kPhi = 0.9;
constexpr double kSlow = 0.03;  // of the slow rival
constexpr double kScaleGain = 0.05;
// In standard deviations; the mean absolute residual of a normal variable is 0.8 of one.
constexpr double kClip = 3.0;
constexpr double kSigmaOfMeanAbs = 1.2533;
constexpr double kTau = 0.95;
constexpr double kZ = 1.645;  // the 0.95 quantile of the normal distribution
// A rival takes over only when it is better by this much: two equal models would otherwise
// alternate.
constexpr double kSwitch = 0.98;

double damped_sum(std::uint32_t steps) noexcept {
  return kPhi * (1.0 - std::pow(kPhi, static_cast<double>(steps))) / (1.0 - kPhi);
}

double pinball(double upper, double actual) noexcept {
  return actual > upper ? kTau * (actual - upper) : (1.0 - kTau) * (upper - actual);
}

std::size_t index(ForecastModel model) noexcept {
  return static_cast<std::size_t>(model);
}

}  // namespace

ForecastLayer::ForecastLayer(const LayerOptions& options)
    : options_(options), past_(options.slots, 0.0F), seasonal_(options.slots, 0.0F) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < kForecastHorizons; ++i) {
    horizons_[i].ring = total;
    total += options_.horizons[i] * kForecastModels;
    damped_[i] = damped_sum(options_.horizons[i]);
  }
  pending_.resize(total, 0.0F);
}

double ForecastLayer::Trend::clip(double residual) const noexcept {
  const double limit = kClip * kSigmaOfMeanAbs * scale;
  return std::clamp(residual, -limit, limit);
}

void ForecastLayer::Trend::learn(double residual, double kept, bool first) noexcept {
  level += kPhi * slope + kAlpha * kept;
  slope = kPhi * slope + kAlpha * kBeta * kept;
  // The first residual sets the scale; later ones are clipped, so that a change of the scale is
  // followed within some twenty samples and one wild sample hardly moves it.
  scale = first ? std::abs(residual) : scale + kScaleGain * (std::abs(kept) - scale);
}

double ForecastLayer::season(std::uint32_t slot) const noexcept {
  return static_cast<double>(seasonal_[slot % options_.slots]);
}

double ForecastLayer::expect(ForecastModel model, std::uint32_t steps,
                             std::uint32_t slot) const noexcept {
  switch (model) {
    case ForecastModel::naive:
      return static_cast<double>(past_[(slot + steps) % options_.slots]);
    case ForecastModel::holt:
      return plain_trend_.level + plain_trend_.slope * damped_sum(steps);
    case ForecastModel::holt_winters:
      return seasonal_trend_.level + seasonal_trend_.slope * damped_sum(steps) +
             season(slot + steps);
    case ForecastModel::last:
      return last_;
    case ForecastModel::smooth:
      return smooth_;
    case ForecastModel::slow:
      return slow_;
  }
  return last_;
}

void ForecastLayer::score(Horizon& horizon, const float* forecast, double root) const noexcept {
  ++horizon.scored;
  const double gain = std::max(1.0 / horizon.scored, 1.0 / options_.memory);
  for (std::size_t m = 0; m < kForecastModels; ++m) {
    const double expected = static_cast<double>(forecast[m]);
    // Judged by what it would have asked for, with the margin it had then.
    const double upper = std::max(0.0, expected + kZ * kSigmaOfMeanAbs * horizon.error[m]);
    const double loss = pinball(upper * upper, root * root);
    horizon.loss[m] += gain * (loss - horizon.loss[m]);
    horizon.error[m] += gain * (std::abs(root - expected) - horizon.error[m]);
  }
  choose(horizon);
}

void ForecastLayer::choose(Horizon& horizon) const noexcept {
  const auto* const begin = horizon.loss.data();
  const auto* const least = std::min_element(begin, begin + kForecastRivals);
  if (*least < kSwitch * horizon.loss[index(horizon.best)]) {
    horizon.best = static_cast<ForecastModel>(least - begin);
  }
}

void ForecastLayer::learn(double root, std::uint32_t slot) noexcept {
  const bool first = seen_ == 1;
  if (seen_ == 0) {
    seasonal_trend_.level = plain_trend_.level = smooth_ = slow_ = root;
  } else {
    const double plain = root - plain_trend_.level - kPhi * plain_trend_.slope;
    plain_trend_.learn(plain, first ? plain : plain_trend_.clip(plain), first);
    smooth_ += kAlpha * (root - smooth_);
    slow_ += kSlow * (root - slow_);
  }
  if (seen_ >= options_.slots) {
    const double residual =
        root - seasonal_trend_.level - kPhi * seasonal_trend_.slope - season(slot);
    const bool unscaled = seen_ == options_.slots;
    const double kept = unscaled ? residual : seasonal_trend_.clip(residual);
    seasonal_trend_.learn(residual, kept, unscaled);
    // A running mean over the first seasons, then the gain: one season's noise is forgotten sooner.
    const double seasons = static_cast<double>(seen_ / options_.slots);
    const double gain = std::max(kGamma, 1.0 / (seasons + 1.0)) * (1.0 - kAlpha);
    seasonal_[slot] = static_cast<float>(season(slot) + gain * kept);
  }
  past_[slot] = static_cast<float>(root);
  last_ = root;
  slot_ = slot;
  ++seen_;
  if (seen_ == options_.slots) end_first_season();
}

void ForecastLayer::end_first_season() noexcept {
  double mean = 0.0;
  for (const float value : past_) mean += static_cast<double>(value);
  mean /= static_cast<double>(options_.slots);
  for (std::size_t i = 0; i < past_.size(); ++i) {
    seasonal_[i] = static_cast<float>(static_cast<double>(past_[i]) - mean);
  }
  seasonal_trend_.level = mean;
}

void ForecastLayer::add(double root, std::uint32_t slot) noexcept {
  slot %= options_.slots;
  for (std::size_t i = 0; i < kForecastHorizons; ++i) {
    const std::size_t steps = options_.horizons[i];
    const std::size_t at = horizons_[i].ring + (run_ % steps) * kForecastModels;
    // Before the first season is over there is nothing to compare.
    if (run_ >= steps && seen_ >= options_.slots + steps) score(horizons_[i], &pending_[at], root);
  }
  learn(root, slot);
  for (std::size_t i = 0; i < kForecastHorizons; ++i) {
    const std::uint32_t steps = options_.horizons[i];
    float* const out = &pending_[horizons_[i].ring + (run_ % steps) * kForecastModels];
    const std::uint32_t then = (slot + steps) % options_.slots;
    out[index(ForecastModel::naive)] = past_[then];
    out[index(ForecastModel::holt)] =
        static_cast<float>(plain_trend_.level + plain_trend_.slope * damped_[i]);
    out[index(ForecastModel::holt_winters)] = static_cast<float>(
        seasonal_trend_.level + seasonal_trend_.slope * damped_[i] + season(then));
    out[index(ForecastModel::last)] = static_cast<float>(last_);
    out[index(ForecastModel::smooth)] = static_cast<float>(smooth_);
    out[index(ForecastModel::slow)] = static_cast<float>(slow_);
  }
  ++run_;
}

void ForecastLayer::interrupt() noexcept {
  run_ = 0;
  // A first season with a hole in it would start the model with zeros.
  if (seen_ < options_.slots) seen_ = 0;
}

std::size_t ForecastLayer::horizon_of(std::uint32_t steps) const noexcept {
  std::size_t i = 0;
  while (i + 1 < kForecastHorizons && options_.horizons[i] < steps) ++i;
  return i;
}

bool ForecastLayer::warm(const Horizon& horizon) const noexcept {
  return seen_ >= 2 * std::uint64_t{options_.slots} && horizon.scored >= options_.slots / 2;
}

std::optional<ForecastLayer::Point> ForecastLayer::ahead(std::uint32_t steps) const noexcept {
  const Horizon& horizon = horizons_[horizon_of(steps)];
  if (steps == 0 || steps > furthest() || !warm(horizon)) return std::nullopt;
  return Point{std::max(0.0, expect(horizon.best, steps, slot_)),
               kSigmaOfMeanAbs * horizon.error[index(horizon.best)]};
}

double ForecastLayer::skill(std::uint32_t steps) const noexcept {
  const Horizon& horizon = horizons_[horizon_of(steps)];
  if (!warm(horizon)) return 0.0;
  const double plain =
      *std::min_element(horizon.loss.begin() + kForecastRivals, horizon.loss.end());
  return plain > 0.0 ? 1.0 - horizon.loss[index(horizon.best)] / plain : 0.0;
}

ForecastModel ForecastLayer::best(std::uint32_t steps) const noexcept {
  return horizons_[horizon_of(steps)].best;
}

double ForecastLayer::loss(ForecastModel model, std::uint32_t steps) const noexcept {
  return horizons_[horizon_of(steps)].loss[index(model)];
}

std::size_t ForecastLayer::bytes() const noexcept {
  return sizeof(*this) + sizeof(float) * (past_.size() + seasonal_.size() + pending_.size());
}

}  // namespace sluice::policy
