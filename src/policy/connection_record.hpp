// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

/// What one connection has been like: behind one address of a provider there are many machines, and
/// a connection is tied to one of them. A bad one is closed and replaced, without a word on the
/// upstream's standing, which is judged over all its connections. A value kept in the connection,
/// one writer; pure.
class ConnectionRecord {
 public:
  enum class Verdict : std::uint8_t { kGood, kFailing, kSlow };

  /// So many failures in a row, while others of the pool are answered, make it bad.
  static constexpr std::uint32_t kErrorsMax = 3;
  /// Slower than the pool's mean by this factor and at least by this time, over this many calls.
  static constexpr double kSlowFactor = 4.0;
  static constexpr Duration kSlowAtLeast = std::chrono::milliseconds(20);
  static constexpr std::uint32_t kSlowCalls = 64;

  void answered(Duration took) noexcept {
    ++requests_;
    mean_ns_ += requests_ == 1 ? took.count() : (took.count() - mean_ns_) / 16;
  }
  /// What the answer meant, once somebody has read it: whether it was the node's fault.
  void judged(bool failed) noexcept { errors_ = failed ? errors_ + 1 : 0; }

  /// `pool_mean`: of all connections of the pool, this one among them; 0 while unknown.
  [[nodiscard]] Verdict verdict(Duration pool_mean) const noexcept {
    if (errors_ >= kErrorsMax) return Verdict::kFailing;
    const Duration mean = response_time();
    if (requests_ >= kSlowCalls && pool_mean > Duration::zero() &&
        seconds(mean) > kSlowFactor * seconds(pool_mean) && mean - pool_mean >= kSlowAtLeast) {
      return Verdict::kSlow;
    }
    return Verdict::kGood;
  }
  /// 1 is as good as the pool, 0 is bad. Falls with failures in a row and with slowness.
  [[nodiscard]] double score(Duration pool_mean) const noexcept {
    const double errors = 1.0 - std::min(errors_, kErrorsMax) / static_cast<double>(kErrorsMax);
    const Duration mean = response_time();
    if (pool_mean <= Duration::zero() || mean <= pool_mean) return errors;
    return errors * seconds(pool_mean) / seconds(mean);
  }

  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
  [[nodiscard]] std::uint32_t consecutive_errors() const noexcept { return errors_; }
  [[nodiscard]] Duration response_time() const noexcept { return Duration(mean_ns_); }

 private:
  std::uint64_t requests_ = 0;
  std::int64_t mean_ns_ = 0;
  std::uint32_t errors_ = 0;
};

/// How old a connection may become: `uniform` in [0, 1) moves it by up to a fifth either way, so
/// that connections made together are not replaced together.
[[nodiscard]] inline Duration jittered_age(Duration age, double uniform) noexcept {
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(age.count()) * (0.8 + 0.4 * uniform)));
}

/// How long a connection may be idle: as configured, and a second less than the node announced
/// (Keep-Alive: timeout), since the one that closes first must be us. `announced` of 0 is none.
[[nodiscard]] inline Duration idle_allowed(Duration configured, Duration announced) noexcept {
  if (announced <= Duration::zero()) return configured;
  const Duration before = std::max<Duration>(announced - std::chrono::seconds(1), announced / 2);
  return std::min(configured, before);
}

}  // namespace sluice::policy
