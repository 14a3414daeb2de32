// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "health/prober.hpp"
#include "net/loop.hpp"
#include "policy/chain_health.hpp"
#include "policy/probe_plan.hpp"
#include "policy/traffic_window.hpp"
#include "upstream/shared.hpp"

namespace sluice::health {

/// What a breaker did between two looks.
struct BreakerChange {
  std::size_t method_class = 0;
  policy::BreakerState to = policy::BreakerState::kClosed;
  double failure_share = 0.0;
  double calls = 0.0;
  Duration open{0};  ///< how long it stays, or was, open
};

/// One upstream under watch: its prober, when it is due, and what live traffic did since the last
/// look. Reads what workers write and writes nothing of theirs; judges nothing. Part of the
/// monitor's chain; control thread.
class Watched {
 public:
  Watched(net::Loop& loop, std::shared_ptr<upstream::Shared> shared, Duration interval,
          TimePoint now);

  /// What calls did since the last call of this.
  struct Traffic {
    policy::Passive passive;
    std::array<policy::ClassTraffic, policy::kClassesMax> classes{};
  };
  [[nodiscard]] const Traffic& gather();
  [[nodiscard]] const Traffic& latest() const noexcept { return latest_; }

  /// Whether a probe is to be sent now. `spare`: of a later tier than one that serves.
  [[nodiscard]] bool due(const policy::ChainHealth& health, std::uint32_t index, bool spare,
                         TimePoint now, Random& random);
  /// Whether calls have been under way since `started` and none was answered.
  [[nodiscard]] bool silent_since(TimePoint started) const noexcept;
  void follow_progress(TimePoint now) noexcept;
  /// Connections are being made ready from now on.
  void warm_up_began() noexcept;
  [[nodiscard]] policy::WarmUpView warm_up() const noexcept;
  void probe_ended(bool failed) noexcept { failed_ = failed ? failed_ + 1 : 0; }

  /// The next change of a breaker that is not told of yet; false when there is none.
  [[nodiscard]] bool next_breaker_change(BreakerChange& change, TimePoint now) noexcept;

  [[nodiscard]] Prober& prober() noexcept { return *prober_; }
  [[nodiscard]] upstream::Shared& shared() const noexcept { return *shared_; }

  // For the monitor's own book-keeping.
  TimePoint resolve_at{};
  bool resolving = false;
  bool resolved = false;
  int probes = 0;
  /// Since when its return waits for connections.
  std::optional<TimePoint> warming_since;

 private:
  struct Known {
    policy::BreakerState state = policy::BreakerState::kClosed;
    std::uint32_t round = 0;
    TimePoint opened_at{};
  };

  std::shared_ptr<upstream::Shared> shared_;
  std::unique_ptr<Prober> prober_;
  policy::ProbePlan plan_;
  Traffic latest_;
  std::array<upstream::ClassBoard::Totals, policy::kClassesMax> totals_{};
  std::array<Known, policy::kClassesMax> breakers_{};
  /// Since when calls have been under way without one being answered.
  TimePoint quiet_since_;
  std::uint64_t successes_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t connect_failures_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t warm_ups_failed_ = 0;
  std::uint32_t failed_ = 0;
};

/// The cheapest call that shows whether a method class works; an empty method where there is none.
struct ClassProbe {
  std::string_view method;
  std::string_view params;
};
[[nodiscard]] ClassProbe class_probe(std::size_t method_class) noexcept;

}  // namespace sluice::health
