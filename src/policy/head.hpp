// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace sluice::policy {

struct HeadOptions {
  /// How far the chain's head may be ahead of the second highest upstream, in blocks.
  std::uint64_t tolerance = 1;
  /// An upstream this much further ahead than any other is distrusted.
  std::uint64_t distrust = 16;
  /// A report older than this says nothing about the chain's head any more.
  Duration report_ttl = std::chrono::seconds(30);
  /// The chain's head steps back only if every estimate of this time was lower by more than
  /// `reset_gap` blocks.
  Duration reset_after = std::chrono::seconds(10);
  std::uint64_t reset_gap = 3;
  /// Frozen: the chain advanced by at least so many blocks while the upstream stood still, for at
  /// least this time and twice what it usually takes to move (or `frozen_unknown` where that is not
  /// known yet).
  std::uint64_t frozen_blocks = 2;
  Duration frozen_time = std::chrono::seconds(5);
  Duration frozen_unknown = std::chrono::seconds(30);

  bool operator==(const HeadOptions&) const = default;
};

/// An upstream's head against the chain's.
struct HeadStanding {
  std::uint64_t lag = 0;    ///< blocks behind
  bool frozen = false;      ///< stands still while the chain moves
  bool distrusted = false;  ///< alone and far ahead of all others
};

/// How fresh the knowledge of an upstream's head is.
struct HeadAge {
  TimePoint told_at{};
  TimePoint moved_at{};
  Duration block_time{0};
};

/// The head of a chain out of what its upstreams report, without trusting any one of them. With
/// three or more voices it is the highest report, but at most `tolerance` above the second highest:
/// a single liar moves it by that much. With two the higher one counts, since nobody can tell who
/// is right. It never goes back, except after a lasting and clear disagreement (a chain that was
/// reset, or a liar that spoke before the others). Pure; part of ChainHealth. Judge an upstream
/// right after its own report: only then is its head as fresh as its peers'.
class HeadTracker {
 public:
  HeadTracker(const HeadOptions& options, std::size_t upstreams);

  void report(std::size_t upstream, std::uint64_t head, TimePoint now) noexcept;
  /// Out of contact or on another chain: no vote until its next report.
  void silence(std::size_t upstream, TimePoint now) noexcept;
  void tick(TimePoint now) noexcept { estimate(now); }

  /// 0 until the first report.
  [[nodiscard]] std::uint64_t chain_head() const noexcept { return chain_head_; }
  /// 0 until its first report.
  [[nodiscard]] std::uint64_t head(std::size_t upstream) const noexcept {
    return marks_[upstream].head;
  }
  /// When it was last told and last rose, and what lies between its blocks; zero while not known.
  [[nodiscard]] HeadAge age(std::size_t upstream) const noexcept;
  [[nodiscard]] HeadStanding standing(std::size_t upstream, TimePoint now) const noexcept;

 private:
  struct Mark {
    std::uint64_t head = 0;
    std::uint64_t chain_at_move = 0;  ///< the chain's head when this one last moved
    TimePoint moved_at{};
    TimePoint reported_at{};
    double usual_s = 0.0;  ///< mean time between its moves as we see them; 0 is unknown
    bool known = false;
    bool votes = false;
  };

  void estimate(TimePoint now) noexcept;
  void accept(std::uint64_t head, TimePoint now) noexcept;
  [[nodiscard]] Duration patience(const Mark& mark) const noexcept;

  HeadOptions options_;
  std::vector<Mark> marks_;
  std::uint64_t chain_head_ = 0;
  std::uint64_t second_ = 0;
  std::size_t voices_ = 0;
  std::optional<TimePoint> lower_since_;
};

}  // namespace sluice::policy
