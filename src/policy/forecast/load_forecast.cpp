// SPDX-License-Identifier: Apache-2.0
#include "policy/forecast/load_forecast.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

constexpr Duration kSlot = std::chrono::milliseconds(500);
constexpr std::int64_t kBucketSlots = 600;  // five minutes
constexpr std::int64_t kGapSlots = 120;     // a minute without a tick: nothing is known of it
constexpr double kZ = 1.645;
constexpr double kSpreadGain = 0.1;

// Half-seconds and the 12 s between blocks; up to half a minute ahead. Not a multiple of the
// season: there the last value is itself a seasonal forecast and no rival that a reactive plan
// could use.
constexpr LayerOptions kBlock{.slots = 24, .horizons = {2, 7, 20, 60}, .memory = 3600};
// Five minutes and the day; five minutes to an hour ahead.
constexpr LayerOptions kDay{.slots = 288, .horizons = {1, 2, 6, 12}, .memory = 288};

std::int64_t slot_at(TimePoint t) noexcept {
  const std::int64_t ns = t.time_since_epoch().count();
  const std::int64_t length = kSlot.count();
  return ns >= 0 ? ns / length : -((-ns + length - 1) / length);
}

std::uint32_t phase(std::int64_t index, std::uint32_t slots) noexcept {
  const std::int64_t n = slots;
  return static_cast<std::uint32_t>(((index % n) + n) % n);
}

std::int64_t bucket_of(std::int64_t slot) noexcept {
  return slot >= 0 ? slot / kBucketSlots : -((-slot + kBucketSlots - 1) / kBucketSlots);
}

}  // namespace

LoadForecast::LoadForecast() : block_(kBlock), day_(kDay) {}

void LoadForecast::restart(std::int64_t slot) noexcept {
  slot_ = slot;
  most_ = 0.0;
  heard_ = false;
  block_.interrupt();
  const std::int64_t bucket = bucket_of(slot);
  if (bucket != bucket_) {
    // What the broken bucket heard is too little to speak for five minutes.
    root_sum_ = root_square_ = 0.0;
    roots_ = 0;
    bucket_ = bucket;
    day_.interrupt();
  }
}

void LoadForecast::close_bucket() noexcept {
  if (roots_ > 0) {
    const double n = static_cast<double>(roots_);
    const double mean = root_sum_ / n;
    const double variance = std::max(0.0, root_square_ / n - mean * mean);
    spread_ = spread_ > 0.0 ? spread_ + kSpreadGain * (variance - spread_) : variance;
    day_.add(std::max(0.0, mean), phase(bucket_, kDay.slots));
  }
  root_sum_ = root_square_ = 0.0;
  roots_ = 0;
  ++bucket_;
}

void LoadForecast::close_slot(double demand) noexcept {
  const double root = std::sqrt(demand);
  const std::uint32_t slot = phase(slot_, kBlock.slots);
  block_.add(root, slot);
  const double plain = root - block_.season(slot);
  root_sum_ += plain;
  root_square_ += plain * plain;
  ++roots_;
  ++slot_;
  if (bucket_of(slot_) != bucket_) close_bucket();
}

void LoadForecast::tick(double demand, TimePoint now) noexcept {
  demand = demand > 0.0 ? demand : 0.0;
  const std::int64_t slot = slot_at(now);
  if (!started_) {
    started_ = true;
    bucket_ = bucket_of(slot);
    slot_ = slot;
  } else if (slot < slot_) {
    return;
  } else if (slot - slot_ > kGapSlots) {
    restart(slot);
  }
  while (slot_ < slot) {
    close_slot(heard_ ? most_ : demand_);
    most_ = 0.0;
    heard_ = false;
  }
  most_ = std::max(most_, demand);
  heard_ = true;
  demand_ = demand;
  now_ = now;
}

LoadForecast::Place LoadForecast::place(Duration horizon) const noexcept {
  const std::int64_t then = slot_at(now_ + horizon);
  // The open slot is not yet known to the layer: its last sample is the one before.
  const std::int64_t steps = then - slot_ + 1;
  if (steps <= static_cast<std::int64_t>(block_.furthest())) {
    return {true, static_cast<std::uint32_t>(std::max<std::int64_t>(1, steps))};
  }
  const std::int64_t buckets = bucket_of(then) - bucket_ + 1;
  return {false, static_cast<std::uint32_t>(std::min<std::int64_t>(buckets, UINT32_MAX))};
}

double LoadForecast::skill(Duration horizon) const noexcept {
  const Place where = place(horizon);
  return (where.block ? block_ : day_).skill(where.steps);
}

std::optional<double> LoadForecast::answer(Place where, double season) const noexcept {
  const ForecastLayer& layer = where.block ? block_ : day_;
  const auto point = layer.ahead(where.steps);
  if (!point || layer.skill(where.steps) <= kLeastSkill) return std::nullopt;
  double root = point->root;
  double variance = point->sigma * point->sigma;
  if (!where.block) {
    root += season;
    variance += spread_;
  }
  root = std::max(0.0, root + kZ * std::sqrt(variance));
  return root * root;
}

std::optional<double> LoadForecast::ahead(Duration horizon) const noexcept {
  return answer(place(horizon), block_.season(phase(slot_at(now_ + horizon), kBlock.slots)));
}

std::optional<double> LoadForecast::within(Duration horizon) const noexcept {
  std::optional<double> most;
  const auto hear = [&most](std::optional<double> more) {
    if (more && (!most || *more > *most)) most = more;
  };
  // The open slot too, and the open five minutes: neither is known before it is over. The block's
  // layer does not speak for part of a time that is too long for it.
  const std::int64_t last = slot_at(now_ + horizon);
  const bool block = place(horizon).block;
  const std::int64_t seasons = std::min(last, slot_ + std::int64_t{kBlock.slots} - 1);
  double season = -HUGE_VAL;
  for (std::int64_t slot = slot_; slot <= (block ? last : seasons); ++slot) {
    season = std::max(season, block_.season(phase(slot, kBlock.slots)));
    if (block) hear(answer({true, static_cast<std::uint32_t>(slot - slot_ + 1)}, 0.0));
  }
  const std::int64_t bucket = bucket_of(last);
  for (std::int64_t at = bucket_; at <= bucket && at < bucket_ + day_.furthest(); ++at) {
    hear(answer({false, static_cast<std::uint32_t>(at - bucket_ + 1)}, season));
  }
  return most;
}

std::size_t LoadForecast::bytes() const noexcept {
  return sizeof(*this) - 2 * sizeof(ForecastLayer) + block_.bytes() + day_.bytes();
}

}  // namespace sluice::policy
