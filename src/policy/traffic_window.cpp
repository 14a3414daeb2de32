// SPDX-License-Identifier: Apache-2.0
#include "policy/traffic_window.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

void add_to(TrafficWindow::Count& sum, const TrafficWindow::Count& part) noexcept {
  sum.calls += part.calls;
  sum.failed += part.failed;
}

}  // namespace

/// Empties the slots whose time has come round.
template <std::size_t N>
void TrafficWindow::turn(std::array<Slot, N>& ring, std::int64_t& at, std::int64_t slot) noexcept {
  if (slot <= at) return;
  const std::int64_t passed = std::min<std::int64_t>(slot - at, N);
  for (std::int64_t i = 1; i <= passed; ++i) ring[static_cast<std::size_t>(at + i) % N] = {};
  at = slot;
}

void TrafficWindow::add(std::span<const ClassTraffic> traffic, TimePoint now) noexcept {
  const auto since = now.time_since_epoch();
  turn(fine_, fine_at_, since / kFineSlot);
  turn(coarse_, coarse_at_, since / kCoarseSlot);
  Slot& fine = fine_[static_cast<std::size_t>(fine_at_) % kFine];
  Slot& coarse = coarse_[static_cast<std::size_t>(coarse_at_) % kCoarse];
  Slot latest{};
  for (std::size_t c = 0; c < std::min(traffic.size(), kClassesMax); ++c) {
    const Count count{.calls = traffic[c].successes + traffic[c].failures,
                      .failed = traffic[c].failures};
    latest[c] = count;
    add_to(fine[c], count);
    add_to(coarse[c], count);
  }
  sum(latest);
}

void TrafficWindow::clear(TimePoint now) noexcept {
  *this = {};
  fine_at_ = now.time_since_epoch() / kFineSlot;
  coarse_at_ = now.time_since_epoch() / kCoarseSlot;
}

void TrafficWindow::sum(const Slot& latest) noexcept {
  constexpr std::array<std::size_t, 5> kFineEnds = {2, 4, 8, 16, 24};
  constexpr std::array<std::size_t, 2> kCoarseEnds = {4, 15};
  Slot total = latest;
  std::size_t span = 0;
  const auto keep = [&] {
    Span& out = spans_[span++];
    out.all = {};
    out.by_class = total;
    for (const Count& count : total) add_to(out.all, count);
  };
  const auto gather = [&](const auto& ring, std::int64_t at, std::span<const std::size_t> ends) {
    const std::size_t n = ring.size();
    total = {};
    std::size_t end = 0;
    for (std::size_t i = 0; i < n && end < ends.size(); ++i) {
      const Slot& slot = ring[(static_cast<std::size_t>(at) + n - i) % n];
      for (std::size_t c = 0; c < kClassesMax; ++c) add_to(total[c], slot[c]);
      if (i + 1 == ends[end]) {
        keep();
        ++end;
      }
    }
  };
  keep();
  gather(fine_, fine_at_, kFineEnds);
  gather(coarse_, coarse_at_, kCoarseEnds);
}

}  // namespace sluice::policy
