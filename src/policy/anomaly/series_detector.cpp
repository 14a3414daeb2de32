// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/series_detector.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "policy/anomaly/count_score.hpp"

namespace sluice::policy {
namespace {

// The level follows with a memory of 300 ticks; a shift of one standard deviation is found in a
// fifteenth of that, so it is not absorbed before.
constexpr double kLevelGain = 1.0 / 300.0;
// Until the day's shape is known the level has to follow the day itself, and with a slope
// (critically damped), or it would lag by more than the noise.
constexpr double kFirstDayGain = 1.0 / 90.0;
// While a sum is on its way up the level hardly moves: a small shift would be absorbed before it is
// found.
constexpr double kDoubt = 0.2;
constexpr double kDoubtful = 0.4;
// Values scatter far upwards for a moment, never this far down: calls that stay away altogether
// need no second tick.
constexpr double kCollapse = 15.0;
constexpr double kClip = 4.0;  // of what the sums are fed, in standard deviations
constexpr double kLeastTail = 3.0;
constexpr double kLearnClip = 3.0;  // of what is learned
// Mean and deviation of the size of a standard normal variable.
constexpr double kMeanSize = 0.7979;
constexpr double kSizeDeviation = 0.6028;
constexpr double kLeastLatency = 1e-6;
// Of failures: where none has ever been seen one is still no miracle.
constexpr double kLeastExpected = 0.02;
constexpr double kMost = 1e12;  // so that no square overflows
constexpr std::uint32_t kCalmTicks = 6;
constexpr double kCalm = 2.0;
constexpr double kLean = 0.5;
constexpr double kLeanGain = 0.15;
// After a new level was accepted: what the past still weighs, and ticks before the next alarm.
constexpr std::uint64_t kRelearn = 60;
constexpr std::uint64_t kBlind = 60;
// The spread needs the scale three times as exactly as the level does.
constexpr std::uint64_t kSpreadWarmUp = 3;
constexpr double kSamplesGain = 0.01;

bool twice_in_three(std::uint8_t& bits, bool now) noexcept {
  bits = static_cast<std::uint8_t>(((unsigned{bits} << 1U) | (now ? 1U : 0U)) & 7U);
  return std::popcount(bits) >= 2;
}

}  // namespace

SeriesDetector::SeriesDetector(const DetectorOptions& options) noexcept
    : options_(options), tail_(options.tail_risk) {}

double SeriesDetector::transform(double value) const noexcept {
  switch (options_.kind) {
    case SeriesKind::latency:
      return std::log(std::clamp(value, kLeastLatency, kMost));
    case SeriesKind::rate:
      return std::sqrt(std::clamp(value, 0.0, kMost));
    case SeriesKind::ratio:
      return std::clamp(value, 0.0, 1.0);
    case SeriesKind::lag:
      return std::clamp(value, -kMost, kMost);
  }
  return value;
}

double SeriesDetector::untransform(double x) const noexcept {
  switch (options_.kind) {
    case SeriesKind::latency:
      return std::exp(x);
    case SeriesKind::rate:
      return std::max(x, 0.0) * std::max(x, 0.0);
    case SeriesKind::ratio:
    case SeriesKind::lag:
      return x;
  }
  return x;
}

/// A flat series has no deviation of its own; without a floor its first ripple would be infinite.
double SeriesDetector::floor_of(double base) const noexcept {
  switch (options_.kind) {
    case SeriesKind::latency:
      return 0.01;
    case SeriesKind::rate:
      return std::max(0.01 * std::abs(base), 0.05);
    case SeriesKind::ratio:
      return 1.0;  // a count's score is in standard deviations already
    case SeriesKind::lag:
      return 0.5;
  }
  return 0.01;
}

bool SeriesDetector::too_few(std::uint32_t samples) const noexcept {
  if (options_.kind == SeriesKind::lag) return false;
  const auto heard = static_cast<double>(samples);
  // That calls stay away is the news of a rate; it counts where enough of them were to be expected.
  const double basis = options_.kind == SeriesKind::rate ? std::max(samples_, heard) : heard;
  return basis < static_cast<double>(options_.least_samples);
}

std::optional<SeriesDetector::Finding> SeriesDetector::look(double z, double own) noexcept {
  const double fed = std::clamp(z, -kClip, kClip);
  const double up = up_.add(fed, options_.slack);
  const double down = down_.add(-fed, options_.slack);
  // On the first day the level follows the day itself, never exactly enough for the slow sums.
  const bool shaped = options_.kind == SeriesKind::ratio || season_.days() > 0;
  const double slow_up = shaped ? slow_up_.add(fed, options_.slow_slack) : 0.0;
  const double slow_down = shaped ? slow_down_.add(-fed, options_.slow_slack) : 0.0;
  const double size = (std::abs(fed) - kMeanSize) / kSizeDeviation;
  // Counts of few failures are scattered by their own law; the size of that is no news.
  const bool known =
      options_.kind != SeriesKind::ratio && learned_ >= kSpreadWarmUp * options_.warm_up;
  const double spread = known ? spread_.add(size, options_.spread_slack) : 0.0;
  const bool high = twice_in_three(up_bits_, std::max(z, own) > options_.spike);
  const double deepest = std::min(z, own);
  const bool collapse = deepest < -kCollapse;
  const bool low = twice_in_three(down_bits_, deepest < -options_.spike) || collapse;
  const bool tail =
      twice_in_three(tail_bits_, tail_.ready() && z > std::max(tail_.level(), kLeastTail));
  if (high || low)
    return Finding{AlarmKind::spike, high ? AlarmDirection::up : AlarmDirection::down};
  const double slow = options_.slow_shift;
  if (up > options_.shift || slow_up > slow) return Finding{AlarmKind::shift, AlarmDirection::up};
  if (down > options_.shift || slow_down > slow)
    return Finding{AlarmKind::shift, AlarmDirection::down};
  if (tail) return Finding{AlarmKind::tail, AlarmDirection::up};
  if (spread > options_.spread) return Finding{AlarmKind::spread, AlarmDirection::up};
  return std::nullopt;
}

bool SeriesDetector::suspicious() const noexcept {
  return std::max(up_.sum(), down_.sum()) > kDoubtful * options_.shift ||
         std::max(slow_up_.sum(), slow_down_.sum()) > kDoubtful * options_.slow_shift;
}

void SeriesDetector::learn(const Reading& reading, TimePoint now) noexcept {
  ++learned_;
  const double rho = memory_.rho();
  const double limit = kLearnClip * reading.sigma / std::sqrt(1.0 - rho * rho);
  const double residual = reading.residual;
  const bool early = learned_ < options_.warm_up / 4;
  const double kept = early ? residual : std::clamp(residual, -limit, limit);
  const double share = residual != 0.0 ? kept / residual : 1.0;
  const bool counted = options_.kind == SeriesKind::ratio;
  const bool shaped = counted || season_.days() > 0;
  const double usual = shaped ? kLevelGain : kFirstDayGain;
  const double gain = suspicious() ? kDoubt * usual : usual;
  level_ += std::max(gain, 1.0 / static_cast<double>(++settled_)) * share * reading.raw + slope_;
  slope_ = shaped ? 0.0 : slope_ + 0.25 * gain * gain * kept;
  if (chained_) {
    memory_.add(kept, early ? before_ : std::clamp(before_, -limit, limit));
    scale_.add(reading.innovation);
    tail_.add(reading.innovation / reading.sigma);
  }
  if (!counted) level_ -= season_.learn(reading.x - residual + kept, kept, now);
}

void SeriesDetector::calm() noexcept {
  alarmed_ = false;
  up_.reset();
  down_.reset();
  slow_up_.reset();
  slow_down_.reset();
  spread_.reset();
  up_bits_ = down_bits_ = tail_bits_ = 0;
}

void SeriesDetector::pause() noexcept {
  calm();
  chained_ = false;
}

void SeriesDetector::accept_level() noexcept {
  level_ += offset_;
  slope_ = 0.0;
  season_.spoil();
  settled_ = kRelearn;
  learned_ = std::max<std::uint64_t>(options_.warm_up, kBlind + 1) - kBlind;
  scale_.loosen(kRelearn);
  memory_.loosen(kRelearn);
  chained_ = false;
  calm();
}

void SeriesDetector::watch_alarm(double own, double raw, TimePoint now) noexcept {
  ++since_;
  offset_ += std::max(0.05, 1.0 / since_) * (raw - offset_);
  leaning_ += kLeanGain * (std::clamp(own, -kLearnClip, kLearnClip) - leaning_);
  calm_ = std::abs(own) < kCalm ? calm_ + 1 : 0;
  // A small shift lies within the noise: single quiet ticks do not say that it is over.
  if (calm_ >= kCalmTicks && std::abs(leaning_) < kLean) {
    calm();
  } else if (now - alarm_at_ >= options_.freeze) {
    accept_level();
  }
}

std::optional<Alarm> SeriesDetector::tick(double value, std::uint32_t samples,
                                          TimePoint now) noexcept {
  if (!std::isfinite(value)) return std::nullopt;
  const double x = transform(value);
  if (learned_ == 0) level_ = x;
  const double base = level_ + season_.at(now);
  const bool few = too_few(samples);
  if (!alarmed_) samples_ += (samples_ > 0.0 ? kSamplesGain : 1.0) * (samples - samples_);
  if (few) {
    chained_ = false;
    // What is blamed may not be called any more: that must not keep the blame alive for ever.
    if (alarmed_ && now - alarm_at_ >= options_.freeze) calm();
    return std::nullopt;
  }
  const double rho = memory_.rho();
  const double whiten = std::sqrt(1.0 - rho * rho);
  Reading reading{.x = x, .raw = x - base, .residual = x - base, .innovation = 0.0, .sigma = 1.0};
  if (options_.kind == SeriesKind::ratio) {
    const auto calls = static_cast<double>(samples);
    reading.residual = count_score(x * calls, std::max(base * calls, kLeastExpected));
  }
  const double residual = reading.residual;
  reading.innovation = chained_ ? residual - rho * before_ : residual * whiten;
  reading.sigma = std::max(scale_.sigma(), floor_of(base));
  const double z = reading.innovation / reading.sigma;
  const double own = residual * whiten / reading.sigma;
  z_ = std::abs(own) > std::abs(z) ? own : z;
  std::optional<Alarm> alarm;
  if (alarmed_) {
    watch_alarm(own, reading.raw, now);
  } else {
    if (warm()) {
      if (const auto found = look(z, own)) {
        alarmed_ = true;
        alarm_at_ = now;
        since_ = calm_ = 0;
        offset_ = 0.0;
        leaning_ = std::clamp(own, -kLearnClip, kLearnClip);
        if (!told_ || now - told_at_ >= options_.quiet) {
          told_ = true;
          told_at_ = now;
          alarm = Alarm{found->kind, found->direction, z_, value, untransform(base), now};
        }
      }
    }
    if (!alarmed_) learn(reading, now);
  }
  before_ = residual;
  chained_ = true;
  return alarm;
}

}  // namespace sluice::policy
