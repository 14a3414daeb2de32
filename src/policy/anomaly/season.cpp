// SPDX-License-Identifier: Apache-2.0
#include "policy/anomaly/season.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

constexpr std::int64_t kDay = std::chrono::nanoseconds(std::chrono::hours(24)).count();
constexpr std::int64_t kBlock = std::chrono::nanoseconds(std::chrono::seconds(12)).count();
constexpr double kDayGain = 0.25;
constexpr double kBlockGain = 0.02;
constexpr double kLeanGain = 0.05;

/// Place in a cycle as a fraction, 0 <= f < 1.
double fraction(TimePoint now, std::int64_t cycle) noexcept {
  const std::int64_t rest = now.time_since_epoch().count() % cycle;
  return static_cast<double>(rest < 0 ? rest + cycle : rest) / static_cast<double>(cycle);
}

}  // namespace

double SeriesSeason::day_at(TimePoint now) const noexcept {
  if (days_ == 0) return 0.0;
  // A slot's figure stands for its middle.
  const double place = fraction(now, kDay) * kQuarters - 0.5;
  const double below = std::floor(place);
  const double part = place - below;
  const auto i = static_cast<std::uint32_t>(static_cast<int>(below) + static_cast<int>(kQuarters));
  return (1.0 - part) * static_cast<double>(day_[i % kQuarters]) +
         part * static_cast<double>(day_[(i + 1) % kQuarters]);
}

double SeriesSeason::at(TimePoint now) const noexcept {
  const auto phase = static_cast<std::size_t>(fraction(now, kBlock) * kPhases);
  return day_at(now) + static_cast<double>(block_[phase]);
}

double SeriesSeason::learn(double whole, double residual, TimePoint now) noexcept {
  const auto phase = static_cast<std::size_t>(fraction(now, kBlock) * kPhases);
  const double block = static_cast<double>(block_[phase]);
  if (visits_[phase] < UINT16_MAX) ++visits_[phase];
  const double gain = std::max(kBlockGain, 1.0 / (5.0 + visits_[phase]));
  // Without what all phases have in common, or they would follow the level instead of the day.
  lean_ += kLeanGain * (residual - lean_);
  block_[phase] = static_cast<float>(block + gain * (residual - lean_));

  const auto quarter = static_cast<std::uint32_t>(fraction(now, kDay) * kQuarters);
  if (!started_) {
    started_ = true;
    quarter_ = quarter;
  }
  double moved = 0.0;
  if (quarter != quarter_) {
    const double before = day_at(now);
    close_quarter();
    quarter_ = quarter;
    moved = day_at(now) - before;
  }
  sum_ += whole - block;
  ++count_;
  return moved;
}

void SeriesSeason::spoil() noexcept {
  spoilt_ = true;
}

void SeriesSeason::close_quarter() noexcept {
  if (count_ > 0) {
    today_[quarter_] = static_cast<float>(sum_ / count_);
  } else {
    spoilt_ = true;
  }
  sum_ = 0.0;
  count_ = 0;
  if (++quarters_ < kQuarters) return;
  quarters_ = 0;
  if (!spoilt_) end_day();
  spoilt_ = false;
}

void SeriesSeason::end_day() noexcept {
  double mean = 0.0;
  for (const float value : today_) mean += static_cast<double>(value);
  mean /= kQuarters;
  // A running mean at first: one day's chances are forgotten sooner.
  const double gain = std::max(kDayGain, 1.0 / (days_ + 1.0));
  for (std::uint32_t i = 0; i < kQuarters; ++i) {
    // Neighbours are averaged: a quarter of one day is a small sample of a series that wanders.
    const double smooth = 0.25 * static_cast<double>(today_[(i + kQuarters - 1) % kQuarters]) +
                          0.5 * static_cast<double>(today_[i]) +
                          0.25 * static_cast<double>(today_[(i + 1) % kQuarters]);
    const double old = static_cast<double>(day_[i]);
    day_[i] = static_cast<float>(old + gain * (smooth - mean - old));
  }
  ++days_;
}

}  // namespace sluice::policy
