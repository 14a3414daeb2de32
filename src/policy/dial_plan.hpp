// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

/// One worker's connections to one upstream, as they are now.
struct PoolCount {
  std::uint32_t busy = 0;
  std::uint32_t idle = 0;
  std::uint32_t connecting = 0;
  /// Calls that found nothing idle and wait for whatever becomes free first.
  std::uint32_t waiting = 0;
  /// What the plan wants this worker to have.
  std::uint32_t target = 0;
};

/// How many connections one worker's pool dials now: what its calls need as far as it can see that
/// for itself, between two plans of the control thread. Asked only when nothing is idle and when a
/// dial ends, so that a call which finds an idle connection pays for a count and no more.
///
/// The need is what is in the pool (calls under way and waiting) and a little ahead of it, but not
/// more than arrival rate times response time and its random swing ask for (Little's law): a
/// backlog that piled up during the handshakes is worked off by the connections that come, it does
/// not need one each. At most a few handshakes run at once; their number doubles with each that
/// ends while calls still wait, and is halved by each that fails. A value, one writer; pure.
class DialPlan {
 public:
  /// Handshakes of one upstream at once, of all workers together, before any doubling.
  static constexpr std::uint32_t kAtOnce = 8;

  /// Time until so many connections, of all workers together, are there when nobody waits for them
  /// and each handshake takes so long.
  [[nodiscard]] static Duration ready_in(std::uint32_t missing, Duration handshake) noexcept {
    return handshake * ((std::max(missing, 1U) + kAtOnce - 1) / kAtOnce);
  }

  /// `ahead`: whether to dial before calls wait; else only for them and up to the target.
  explicit DialPlan(std::uint32_t workers = 1, bool ahead = true) noexcept;

  [[nodiscard]] bool dials_ahead() const noexcept { return ahead_; }

  /// A call asks for a connection.
  void called() noexcept { ++calls_; }
  /// A call was answered, so long after it was sent.
  void answered(Duration took) noexcept {
    if (answers_ < kAnswers) ++answers_;
    response_s_ += (seconds(took) - response_s_) / answers_;
  }
  /// How many to begin now, on top of those that are connecting.
  [[nodiscard]] std::uint32_t dials(const PoolCount& count, TimePoint now) noexcept;
  /// A handshake is over that took so long; `waiting`: whether calls still wait.
  void established(Duration took, bool waiting) noexcept;
  void failed() noexcept;

  [[nodiscard]] std::uint32_t at_once() const noexcept { return at_once_; }
  /// Mean time between a call's sending and its answer; 0 while unknown.
  [[nodiscard]] double response_s() const noexcept { return response_s_; }

 private:
  /// The mean is over about so many.
  static constexpr std::uint32_t kAnswers = 64;

  [[nodiscard]] double offered(const PoolCount& count, TimePoint now) noexcept;

  bool ahead_;
  std::uint32_t base_;
  std::uint32_t at_once_;
  std::uint32_t calls_ = 0;
  /// Since when `calls_` counts; and what the window before it said.
  TimePoint since_{};
  double rate_ = 0;
  double response_s_ = 0;
  double handshake_s_ = 0;
  std::uint32_t answers_ = 0;
};

}  // namespace sluice::policy
