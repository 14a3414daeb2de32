// SPDX-License-Identifier: Apache-2.0
#include "policy/limiter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::policy {
namespace {

/// About 73 years: sums with a clock's reading stay within 64 bits.
constexpr double kLongest = 0x1p61;

std::int64_t to_ns(double ns) noexcept {
  return static_cast<std::int64_t>(std::ceil(std::clamp(ns, 0.0, kLongest)));
}

std::int64_t to_ns(TimePoint at) noexcept {
  return at.time_since_epoch().count();
}

}  // namespace

TokenBucket::TokenBucket(const RateLimit& limit) noexcept
    : full_at_(std::numeric_limits<std::int64_t>::min()) {
  set(limit);
}

void TokenBucket::set(const RateLimit& limit) noexcept {
  burst_ = std::isfinite(limit.burst) ? std::max(limit.burst, 1.0) : 1.0;
  token_ns_ = limit.per_second > 0.0 ? std::ceil(1e9 / limit.per_second) : 0.0;
  refill_ns_ = to_ns(burst_ * token_ns_);
}

TokenBucket::Step TokenBucket::step(std::int64_t now, double cost) const noexcept {
  if (token_ns_ <= 0.0) return {{false, Duration::max()}, full_at_};
  // Never earlier than full, never further ahead than an empty bucket.
  const std::int64_t full_at = std::clamp(full_at_, now, now + refill_ns_);
  const std::int64_t after =
      full_at + std::min(to_ns(std::clamp(cost, 0.0, burst_) * token_ns_), refill_ns_);
  const std::int64_t late = after - (now + refill_ns_);
  if (late > 0) return {{false, Duration(late)}, full_at};
  return {{true, Duration::zero()}, after};
}

RateResult TokenBucket::take(TimePoint now, double cost) noexcept {
  const Step taken = step(to_ns(now), cost);
  full_at_ = taken.full_at;
  return taken.result;
}

RateResult TokenBucket::peek(TimePoint now, double cost) noexcept {
  const Step taken = step(to_ns(now), cost);
  if (!taken.result.allowed) full_at_ = taken.full_at;
  return taken.result;
}

}  // namespace sluice::policy
