// SPDX-License-Identifier: Apache-2.0
#include "policy/head.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

constexpr double kNewestShare = 0.2;
/// A gap is no more than this many usual ones to the mean: a long outage must not make the next one
/// look usual.
constexpr double kGapMost = 4.0;

std::uint64_t ahead(std::uint64_t a, std::uint64_t b) noexcept {
  return a > b ? a - b : 0;
}

}  // namespace

HeadTracker::HeadTracker(const HeadOptions& options, std::size_t upstreams)
    : options_(options), marks_(upstreams) {}

void HeadTracker::report(std::size_t upstream, std::uint64_t head, TimePoint now) noexcept {
  Mark& mark = marks_[upstream];
  const bool moved = !mark.known || head != mark.head;
  if (mark.known && head > mark.head) {
    const double gap = seconds(now - mark.moved_at);
    mark.usual_s =
        mark.usual_s > 0.0
            ? mark.usual_s + kNewestShare * (std::min(gap, kGapMost * mark.usual_s) - mark.usual_s)
            : gap;
  }
  mark.head = head;
  mark.known = mark.votes = true;
  mark.reported_at = now;
  estimate(now);
  if (moved) {
    mark.moved_at = now;
    mark.chain_at_move = chain_head_;
  }
}

void HeadTracker::silence(std::size_t upstream, TimePoint now) noexcept {
  marks_[upstream].votes = false;
  estimate(now);
}

void HeadTracker::estimate(TimePoint now) noexcept {
  std::uint64_t highest = 0;
  second_ = 0;
  voices_ = 0;
  for (const Mark& mark : marks_) {
    if (!mark.votes || now - mark.reported_at > options_.report_ttl) continue;
    ++voices_;
    if (mark.head > highest) {
      second_ = highest;
      highest = mark.head;
    } else {
      second_ = std::max(second_, mark.head);
    }
  }
  if (voices_ == 0) return;
  if (voices_ <= 2 || highest - second_ <= options_.tolerance) {
    accept(highest, now);
  } else {
    accept(second_ + options_.tolerance, now);
  }
}

void HeadTracker::accept(std::uint64_t head, TimePoint now) noexcept {
  if (head >= chain_head_ || chain_head_ - head <= options_.reset_gap) {
    chain_head_ = std::max(chain_head_, head);
    lower_since_.reset();
    return;
  }
  if (!lower_since_) lower_since_ = now;
  if (now - *lower_since_ < options_.reset_after) return;
  chain_head_ = head;
  lower_since_.reset();
  // How far the chain moved under the old head says nothing under the new one.
  for (Mark& mark : marks_) {
    mark.chain_at_move = head;
    mark.moved_at = now;
  }
}

Duration HeadTracker::patience(const Mark& mark) const noexcept {
  if (mark.usual_s <= 0.0) return options_.frozen_unknown;
  const std::chrono::duration<double> twice(2.0 * mark.usual_s);
  return std::max(options_.frozen_time, std::chrono::duration_cast<Duration>(twice));
}

HeadAge HeadTracker::age(std::size_t upstream) const noexcept {
  const Mark& mark = marks_[upstream];
  return {.told_at = mark.reported_at,
          .moved_at = mark.moved_at,
          .block_time =
              std::chrono::duration_cast<Duration>(std::chrono::duration<double>(mark.usual_s))};
}

HeadStanding HeadTracker::standing(std::size_t upstream, TimePoint now) const noexcept {
  const Mark& mark = marks_[upstream];
  if (!mark.known) return {};
  HeadStanding standing;
  standing.lag = ahead(chain_head_, mark.head);
  // One that has caught up since is not behind, however far the chain has come meanwhile; one that
  // claims to be ahead is judged by what the chain did.
  const std::uint64_t caught_up = mark.head <= chain_head_ ? mark.head : 0;
  const std::uint64_t missed = ahead(chain_head_, std::max(mark.chain_at_move, caught_up));
  standing.frozen = missed >= options_.frozen_blocks && now - mark.moved_at >= patience(mark);
  standing.distrusted = voices_ > 2 && mark.votes && ahead(mark.head, second_) > options_.distrust;
  return standing;
}

}  // namespace sluice::policy
