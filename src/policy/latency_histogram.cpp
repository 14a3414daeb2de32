// SPDX-License-Identifier: Apache-2.0
#include "policy/latency_histogram.hpp"

namespace sluice::policy {

void RecentLatency::add(const LatencyHistogram& histogram) noexcept {
  for (std::size_t i = 0; i < LatencyScale::kSteps; ++i) sum_[i] += histogram.count(i);
}

void RecentLatency::end(TimePoint now) noexcept {
  if (halved_at_ == TimePoint{}) halved_at_ = now;
  unsigned halvings = 0;
  while (now - halved_at_ >= kHalfLife && halvings < 64) {
    halved_at_ += kHalfLife;
    ++halvings;
  }
  if (halvings == 64) halved_at_ = now;
  total_ = 0;
  for (std::size_t i = 0; i < LatencyScale::kSteps; ++i) {
    const std::uint32_t fresh = sum_[i] - seen_[i];
    weights_[i] = (halvings < 64 ? weights_[i] >> halvings : 0) + fresh * kOne;
    total_ += weights_[i];
  }
  seen_ = sum_;
}

Duration RecentLatency::quantile(double share) const noexcept {
  if (total_ == 0) return Duration::zero();
  const double wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(total_);
  std::uint64_t below = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < LatencyScale::kSteps; ++i) {
    if (weights_[i] == 0) continue;
    below += weights_[i];
    last = i;
    if (static_cast<double>(below) >= wanted) break;
  }
  return LatencyScale::middle_of(last);
}

}  // namespace sluice::policy
