// SPDX-License-Identifier: Apache-2.0
#include "policy/dial_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::policy {

namespace {

constexpr std::uint32_t kAtOnceMost = 128;
/// A worker may always dial two at a time, or a single slow handshake would hold up all.
constexpr std::uint32_t kAtOnceLeast = 2;
/// Dialled ahead, in square roots of the calls in the pool.
constexpr double kAhead = 0.25;
/// Of random arrivals so many deviations are provided for: about one call in thirty still waits.
constexpr double kSwing = 2.0;
/// A rate is taken over at least this time and this many calls, and anew after that.
constexpr Duration kRateOver = std::chrono::milliseconds(5);
constexpr Duration kRateFresh = std::chrono::milliseconds(100);
constexpr std::uint32_t kRateCalls = 8;

}  // namespace

DialPlan::DialPlan(std::uint32_t workers, bool ahead) noexcept
    : ahead_(ahead),
      base_(std::max(kAtOnceLeast, kAtOnce / std::max(workers, 1U))),
      at_once_(base_) {}

/// Connections that the present arrivals keep busy; infinite while that is not known.
double DialPlan::offered(const PoolCount& count, TimePoint now) noexcept {
  const Duration window = now - since_;
  if (window > kRateFresh) {
    // A window that began long ago says nothing of now.
    rate_ = window < 2 * kRateFresh ? calls_ / seconds(window) : 0;
    since_ = now;
    calls_ = 0;
  }
  double rate = rate_;
  if (now - since_ >= kRateOver && calls_ >= kRateCalls)
    rate = std::max(rate, calls_ / seconds(now - since_));
  if (rate == 0 || response_s_ == 0 || count.waiting == 0)
    return std::numeric_limits<double>::infinity();
  return rate * response_s_;
}

std::uint32_t DialPlan::dials(const PoolCount& count, TimePoint now) noexcept {
  const double load = offered(count, now);
  const double inside = count.busy + count.waiting;
  // Who will be served by a connection that becomes free before a handshake could end needs none.
  const double freed = response_s_ > 0 ? count.busy * handshake_s_ / response_s_ : 0;
  double need = std::ceil(inside - freed + (ahead_ ? kAhead * std::sqrt(inside) : 0));
  need = std::min(need, std::ceil(load + kSwing * std::sqrt(load)));
  // Calls wait: one more than is busy is worth having whatever the estimate says.
  need = std::max(need, count.busy + (count.waiting != 0 ? 1.0 : 0.0));
  need = std::max(need, static_cast<double>(count.target));
  const double have = static_cast<double>(count.busy) + count.idle + count.connecting;
  if (need <= have || count.connecting >= at_once_) return 0;
  return static_cast<std::uint32_t>(
      std::min(need - have, static_cast<double>(at_once_ - count.connecting)));
}

void DialPlan::established(Duration took, bool waiting) noexcept {
  handshake_s_ += (seconds(took) - handshake_s_) / (handshake_s_ == 0 ? 1 : 8);
  at_once_ = waiting ? std::min(at_once_ * 2, kAtOnceMost) : base_;
}

void DialPlan::failed() noexcept {
  at_once_ = std::max(at_once_ / 2, 1U);
}

}  // namespace sluice::policy
