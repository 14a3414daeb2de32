// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "policy/anomaly/series_detector.hpp"

namespace sluice::policy {

struct CommonCauseOptions {
  double share = 0.6;  ///< of the upstreams; from here on it is not an upstream's fault
  /// How long an alarm waits for others to join it before it counts against its upstream.
  Duration hold = std::chrono::seconds(30);
};

/// Tells an upstream's own trouble from one that all share (our network, the clients, the chain):
/// when most upstreams alarm at about the same time there is one event and nobody is to blame.
/// Series of one measure of one chain; owned by the control thread, one thread; no allocation after
/// construction.
class CommonCause {
 public:
  struct Verdict {
    bool common = false;
    std::uint32_t upstream = 0;  ///< of an own alarm; the first that alarmed of a common one
    Alarm alarm;
    std::uint32_t alarmed = 0;  ///< how many of
    std::uint32_t watched = 0;  ///< how many did
  };

  /// For upstreams 0..upstreams-1, none of them watched yet.
  CommonCause(std::size_t upstreams, const CommonCauseOptions& options = {});

  /// An upstream counts only while it is watched (it has traffic and its detector is warm).
  void watch(std::uint32_t upstream, bool watched) noexcept;
  void raise(std::uint32_t upstream, const Alarm& alarm, TimePoint now) noexcept;
  /// The upstream's detector is no longer alarmed.
  void clear(std::uint32_t upstream) noexcept;
  /// Decides what has waited long enough; once per tick, after its raise() and clear(). Writes at
  /// most out.size() verdicts and returns how many; the rest waits for the next call.
  std::size_t settle(TimePoint now, std::span<Verdict> out) noexcept;

  /// The upstream's alarm is its own: the only state that may count against it.
  [[nodiscard]] bool to_blame(std::uint32_t upstream) const noexcept;
  /// A common event is going on. It ends when less than half of `share` are alarmed.
  [[nodiscard]] bool common() const noexcept { return common_; }

 private:
  enum class State : std::uint8_t { well, waiting, own, shared };
  struct Member {
    Alarm alarm;
    TimePoint since{};
    State state = State::well;
    bool watched = false;
  };
  struct Count {
    std::uint32_t alarmed = 0;
    std::uint32_t watched = 0;
    std::uint32_t first = 0;
  };
  [[nodiscard]] Count count() const noexcept;
  void end_common(TimePoint now) noexcept;

  CommonCauseOptions options_;
  std::vector<Member> members_;
  bool common_ = false;
};

}  // namespace sluice::policy
