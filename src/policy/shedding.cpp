// SPDX-License-Identifier: Apache-2.0
#include "policy/shedding.hpp"

#include <algorithm>

namespace sluice::policy {
bool LoadShedding::refuses(Priority priority, bool light) noexcept {
  const auto c = static_cast<std::size_t>(priority);
  ++came_[c];
  if (shares_[c] <= 0.0) return false;
  owed_[c] += shares_[c];
  if (owed_[c] < 1.0 || (light && owed_[c] < kOwedMax)) return false;
  owed_[c] -= 1.0;
  return true;
}

void LoadShedding::end_period(TimePoint now, bool standing) noexcept {
  const bool lately = now - period_ends_ < kPeriod;
  std::uint32_t came = 0;
  for (const std::uint32_t of_class : came_) came += of_class;
  const bool more = lately && came >= kCallsMin &&
                    static_cast<double>(came) > kMore * static_cast<double>(served_);
  over_ = more ? std::min(over_ + 1, kPeriodsMin) : 0;
  double excess = 0.0;
  if (standing && overloaded()) {
    excess = static_cast<double>(came) - kSpare * static_cast<double>(served_);
  }
  for (std::size_t c = kPriorities; c-- > 0;) {
    const double of_class = came_[c];
    const double refused = std::clamp(excess, 0.0, of_class);
    shares_[c] = of_class > 0.0 ? refused / of_class : 0.0;
    if (shares_[c] <= 0.0) owed_[c] = 0.0;
    excess -= refused;
  }
  came_ = {};
  served_ = 0;
  period_ends_ = now + kPeriod;
}

}  // namespace sluice::policy
