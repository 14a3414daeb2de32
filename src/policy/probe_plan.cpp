// SPDX-License-Identifier: Apache-2.0
#include "policy/probe_plan.hpp"

#include <algorithm>

namespace sluice::policy {

Duration ProbePlan::pause(const ProbeView& view) const noexcept {
  Duration pause = options_.interval;
  if (!view.well) pause = std::min(pause, options_.again);
  if (view.returning) {
    pause = view.failed == 0
                ? std::min(pause, options_.streak)
                : std::min(pause * (1U << std::min(view.failed - 1, 8U)), options_.streak_lost_max);
  }
  // It is behind: has it got the block by now?
  if (view.lag > 0) pause = std::min(pause, options_.again);
  return view.spare ? pause * options_.spare_slowness : pause;
}

/// Calls show that it is well, and its head is as new as can be.
bool ProbePlan::needless(const ProbeView& view, TimePoint now) const noexcept {
  if (!view.well || view.suspect || view.lag > 0) return false;
  const bool proven = successes_ >= options_.successes_enough && failures_ * 20 <= successes_;
  if (!proven) return false;
  if (now - sent_at_ >= options_.silence_max) return false;
  const bool told_lately = now - view.head_at < options_.interval;
  const bool no_block_due =
      view.block_time > Duration::zero() && now - view.moved_at < view.block_time;
  return told_lately || no_block_due;
}

bool ProbePlan::due(const ProbeView& view, TimePoint now, Random& random) noexcept {
  successes_ += view.successes;
  failures_ += view.failures;
  // A change for the worse is not left to the old plan.
  const Duration wanted = pause(view);
  if (next_ - planned_at_ > wanted + wanted / 4) next_ = planned_at_ + wanted;
  const bool urgent = view.suspect && now - sent_at_ >= options_.streak;
  if (now < next_ && !urgent) return false;
  const double jitter = 1.0 + options_.jitter * (2.0 * random.uniform() - 1.0);
  planned_at_ = now;
  next_ = now + Duration(static_cast<Duration::rep>(static_cast<double>(wanted.count()) * jitter));
  if (needless(view, now)) {
    ++skipped_;
    return false;
  }
  return true;
}

void ProbePlan::sent(TimePoint now) noexcept {
  sent_at_ = now;
  successes_ = failures_ = 0;
}

}  // namespace sluice::policy
