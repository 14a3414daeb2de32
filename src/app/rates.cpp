// SPDX-License-Identifier: Apache-2.0
#include "app/rates.hpp"

#include <numeric>

#include "ethereum/outcome.hpp"

namespace sluice::app {
namespace {

/// Outcomes come first: those of replies, then those of transports, and at the end the attempts
/// that nobody wanted any more.
std::uint64_t failures_of(const std::vector<std::uint64_t>& attempts) {
  std::uint64_t failures = 0;
  for (std::size_t i = 0; i + 1 < attempts.size(); ++i) {
    if (i >= ethereum::kOutcomes ||
        ethereum::action(static_cast<ethereum::Outcome>(i)).counts_as_failure) {
      failures += attempts[i];
    }
  }
  return failures;
}

}  // namespace

void Rates::take(metrics::UpstreamSlot slot, const metrics::Registry::UpstreamTotals& totals,
                 TimePoint now) {
  std::deque<Sample>& samples = samples_[slot.index];
  samples.push_back({.at = now,
                     .attempts = std::accumulate(totals.attempts.begin(), totals.attempts.end(),
                                                 std::uint64_t{0}),
                     .failures = failures_of(totals.attempts),
                     .durations = totals.durations});
  if (samples.size() > kTicks + 1) samples.pop_front();
}

void Rates::forget_before(TimePoint last) {
  std::erase_if(samples_, [last](const auto& item) { return item.second.back().at < last; });
}

Rate Rates::of(metrics::UpstreamSlot slot) const {
  const auto found = samples_.find(slot.index);
  if (found == samples_.end() || found->second.size() < 2) return {};
  const Sample& first = found->second.front();
  const Sample& last = found->second.back();
  const double span = seconds(last.at - first.at);
  if (span <= 0) return {};
  std::array<std::uint64_t, metrics::kBuckets> counts{};
  for (std::size_t i = 0; i < counts.size(); ++i)
    counts[i] = last.durations[i] - first.durations[i];
  return {.attempts_per_s = static_cast<double>(last.attempts - first.attempts) / span,
          .failures_per_s = static_cast<double>(last.failures - first.failures) / span,
          .p50_s = metrics::quantile_s(counts, 0.5),
          .p99_s = metrics::quantile_s(counts, 0.99)};
}

}  // namespace sluice::app
