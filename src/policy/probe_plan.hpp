// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace sluice::policy {

struct ProbePlanOptions {
  Duration interval = std::chrono::seconds(2);
  /// While it is out, or its latest probe failed: to know is worth more than the few probes.
  Duration again = std::chrono::milliseconds(500);
  /// While good probes of the failing class are being collected for its return.
  Duration streak = std::chrono::milliseconds(150);
  /// After one of them failed, longer each time up to this.
  Duration streak_lost_max = std::chrono::milliseconds(1500);
  /// Successful calls since the last probe that make the next one needless.
  std::uint32_t successes_enough = 5;
  /// However well calls go, it is asked this often: it may have fallen behind, or changed chains.
  Duration silence_max = std::chrono::seconds(30);
  /// So much more seldom is a spare probed while an earlier tier serves.
  std::uint32_t spare_slowness = 4;
  double jitter = 0.1;

  bool operator==(const ProbePlanOptions&) const = default;
};

/// What the plan has to know of its upstream at a tick.
struct ProbeView {
  bool well = false;            ///< in rotation, and its latest probe was answered
  bool returning = false;       ///< out, and waiting for good probes of the class that failed
  std::uint32_t failed = 0;     ///< probes that failed in a row
  bool suspect = false;         ///< calls go unanswered or were refused: ask at once
  bool spare = false;           ///< of a later tier than one that serves
  std::uint32_t successes = 0;  ///< of calls, since the last tick
  std::uint32_t failures = 0;
  std::uint64_t lag = 0;   ///< blocks behind the chain's head
  TimePoint head_at{};     ///< when its head was last told, by a probe or a call
  TimePoint moved_at{};    ///< when that head last rose
  Duration block_time{0};  ///< usual time between its blocks; zero is unknown
};

/// When is an upstream to be probed? A probe costs credit at providers and work at nodes, so that
/// it is left out where live calls show the same: enough of them went well and few failed, and its
/// head is known to be as new as it can be. A head is asked for again when a block is due, and soon
/// when the chain has moved on without this upstream; where calls tell heads, they do. Owned by the
/// health monitor, one per upstream; control thread; sends nothing.
class ProbePlan {
 public:
  explicit ProbePlan(const ProbePlanOptions& options) noexcept : options_(options) {}

  /// Once per tick. True: send a probe now and call sent(). One that is due but needless is put off
  /// by one interval and counted.
  [[nodiscard]] bool due(const ProbeView& view, TimePoint now, Random& random) noexcept;
  void sent(TimePoint now) noexcept;

  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }

 private:
  [[nodiscard]] Duration pause(const ProbeView& view) const noexcept;
  [[nodiscard]] bool needless(const ProbeView& view, TimePoint now) const noexcept;

  ProbePlanOptions options_;
  TimePoint sent_at_{};
  TimePoint planned_at_{};
  TimePoint next_{};
  std::uint64_t skipped_ = 0;
  std::uint32_t successes_ = 0;
  std::uint32_t failures_ = 0;
};

}  // namespace sluice::policy
