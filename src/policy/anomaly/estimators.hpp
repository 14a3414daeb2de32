// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace sluice::policy {

/// Standard deviation of a stream centred on zero, from its median absolute deviation: half of the
/// values may be wild without moving it (Hampel 1974). The median is followed by steps of a share
/// of itself, so the cost is a comparison and no window is kept. A skewed stream, as a high
/// quantile of few latencies is, has more deviation than its median says: the root mean square of
/// what lies within four deviations is taken where it is larger. A value; one writer.
class MadScale {
 public:
  void add(double value) noexcept {
    const double size = std::abs(value);
    if (seen_ == 0) median_ = size;
    ++seen_;
    // Large steps first, then an effective memory of some 600 values: with the 60 of a ten-minute
    // window the scale would be off by 15 %, which costs two thirds of the time between false
    // alarms.
    const double step = std::max(kStep, kFirst / static_cast<double>(seen_));
    median_ *= size > median_ ? 1.0 + step : 1.0 / (1.0 + step);
    median_ = std::max(median_, kLeast);
    const double limit = kClip * kSigmaOfMad * median_;
    const double kept = std::min(size, limit);
    square_ += std::max(kGain, 1.0 / static_cast<double>(seen_)) * (kept * kept - square_);
  }
  /// From here on the last `values` count as all there were, so new ones weigh more.
  void loosen(std::uint64_t values) noexcept { seen_ = std::min(seen_, values); }
  [[nodiscard]] double sigma() const noexcept {
    return std::max(kSigmaOfMad * median_, std::sqrt(square_));
  }

 private:
  static constexpr double kStep = 0.002;
  static constexpr double kFirst = 1.2;
  static constexpr double kLeast = 1e-9;
  static constexpr double kSigmaOfMad = 1.4826;
  static constexpr double kClip = 4.0;
  static constexpr double kGain = 0.002;

  double median_ = 0.0;
  double square_ = 0.0;  ///< mean square of what is clipped
  std::uint64_t seen_ = 0;
};

/// How much of the last residual is left in the next one (first autocorrelation). Neighbouring
/// ticks of a latency look alike; a cumulative sum fed with them would alarm on every slow wave. A
/// value; one writer.
class Autocorrelation {
 public:
  void add(double value, double before) noexcept {
    ++seen_;
    const double gain = std::max(kGain, 1.0 / static_cast<double>(seen_));
    product_ += gain * (value * before - product_);
    square_ += gain * (0.5 * (value * value + before * before) - square_);
  }
  void loosen(std::uint64_t values) noexcept { seen_ = std::min(seen_, values); }
  [[nodiscard]] double rho() const noexcept {
    return square_ > 0.0 ? std::clamp(product_ / square_, kLeast, kMost) : 0.0;
  }

 private:
  static constexpr double kGain = 0.0005;
  static constexpr double kLeast = -0.5;
  static constexpr double kMost = 0.95;

  double product_ = 0.0;
  double square_ = 0.0;
  std::uint64_t seen_ = 0;
};

/// Page's cumulative sum (1954) of a standardised stream, upper side: the sum of what exceeds
/// `slack`, never below zero. A value; one writer.
class Cusum {
 public:
  /// The sum with this value added.
  double add(double z, double slack) noexcept {
    sum_ = std::max(0.0, sum_ + z - slack);
    return sum_;
  }
  void reset() noexcept { sum_ = 0.0; }
  [[nodiscard]] double sum() const noexcept { return sum_; }

 private:
  double sum_ = 0.0;
};

/// The level that a standardised stream exceeds with probability `risk` per value, from a
/// generalised Pareto fit to what lies above its 0.98 quantile (streaming peaks over threshold,
/// Siffer et al., KDD 2017; moments instead of maximum likelihood). A value; one writer.
class TailLevel {
 public:
  explicit TailLevel(double risk) noexcept : risk_(risk) {}

  void add(double z) noexcept {
    ++seen_;
    const double step = std::max(kStep, 3.0 / static_cast<double>(seen_));
    threshold_ += step * ((z > threshold_ ? 1.0 : 0.0) - kShare);
    if (z <= threshold_ || seen_ < kFirst) return;
    ++peaks_;
    const double gain = std::max(kPeakGain, 1.0 / static_cast<double>(peaks_));
    const double excess = z - threshold_;
    mean_ += gain * (excess - mean_);
    square_ += gain * (excess * excess - square_);
    if (peaks_ >= kPeaks) fit();
  }
  [[nodiscard]] bool ready() const noexcept { return peaks_ >= kPeaks; }
  [[nodiscard]] double level() const noexcept { return level_; }

 private:
  static constexpr double kShare = 0.02;
  static constexpr double kStep = 0.02;
  static constexpr std::uint64_t kFirst = 300;
  static constexpr std::uint64_t kPeaks = 20;
  static constexpr double kPeakGain = 0.005;
  static constexpr double kShapeMost = 0.45;  // moments say nothing of heavier tails

  void fit() noexcept {
    const double variance = std::max(square_ - mean_ * mean_, 1e-12);
    const double ratio = mean_ * mean_ / variance;
    const double shape = std::clamp(0.5 * (1.0 - ratio), -kShapeMost, kShapeMost);
    const double scale = mean_ * (1.0 - shape);
    const double rarer = risk_ / kShare;
    level_ =
        threshold_ + (std::abs(shape) < 1e-6 ? -scale * std::log(rarer)
                                             : scale / shape * (std::pow(rarer, -shape) - 1.0));
  }

  double risk_;
  double threshold_ = 2.0;
  double mean_ = 0.0;
  double square_ = 0.0;
  double level_ = 0.0;
  std::uint64_t seen_ = 0;
  std::uint64_t peaks_ = 0;
};

}  // namespace sluice::policy
