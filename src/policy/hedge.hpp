// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "policy/retry.hpp"

namespace sluice::policy {

struct HedgeOptions {
  /// A second attempt is thought of once a call has taken longer than this share of its like do.
  double quantile = 0.95;
  /// Second attempts as a share of calls; 0 turns hedging off.
  double budget = 0.02;
  double burst = 10.0;
  Duration ttl = std::chrono::seconds(10);
  Duration delay_min = std::chrono::milliseconds(20);
  Duration delay_max = std::chrono::seconds(2);
  /// Nothing is hedged by the figures of fewer calls.
  std::uint64_t samples_min = 100;
  double utilisation_max = 0.7;

  bool operator==(const HedgeOptions&) const = default;
};

/// The quantile of response times that hedge_delay() is to be given: that of the options, or that
/// which so many calls exceed as half of the budget pays for, if it is higher. A lower one would
/// spend the budget on calls that are late by chance, and have nothing saved up for those that hang
/// when an upstream stalls.
[[nodiscard]] double hedge_quantile(const HedgeOptions& options) noexcept;

/// What is known when an attempt starts.
struct HedgeTiming {
  Resend resend = Resend::kNever;
  /// hedge_quantile() of the method's class at the upstream that was chosen, and of how many calls.
  Duration own{0};
  std::uint64_t samples = 0;
  /// The same, the median over the other upstreams of the call; 0 when unknown.
  Duration peers{0};
};

/// How long after its start a second attempt is due; nothing when there shall be none: for
/// everything but plain reads (writes, filters and heavy calls are never hedged), and while too
/// little is known. An upstream that hangs often makes itself a long quantile: three times that of
/// its peers is waited for at most.
[[nodiscard]] std::optional<Duration> hedge_delay(const HedgeOptions& options,
                                                  const HedgeTiming& timing) noexcept;

/// An upstream whose attempts were outrun by second ones so often in a row, with no answer between,
/// hangs: calls go elsewhere while they can, until it answers one or a probe. Otherwise each place
/// that a second attempt sets free there would take in the next call.
inline constexpr std::uint32_t kOutrunSuspect = 5;

/// Second attempts as a share of calls: each call deposits `budget`, each hedge withdraws 1. What
/// is above `burst` fades with time constant `ttl`, so that a stall may be met with what the last
/// seconds have saved. Within a time t the withdrawals are at most burst + budget * (calls within
/// t, plus those not yet faded). One per worker and chain; not thread-safe.
class HedgeBudget {
 public:
  HedgeBudget(const HedgeOptions& options, TimePoint now) noexcept;

  /// Once per call.
  void on_call(TimePoint now) noexcept;
  [[nodiscard]] double balance(TimePoint now) const noexcept;
  /// After balance() was found to be 1 or more.
  void spend() noexcept { balance_ -= 1.0; }

 private:
  double ratio_;
  double burst_;
  Duration ttl_;
  TimePoint settled_;
  double balance_;
};

/// What is known when the second attempt is due.
struct HedgeMoment {
  /// An upstream in rotation that the call is not at, and that has room without waiting.
  bool other_upstream = false;
  /// Calls in flight to the places for them, of the pools that the call may use.
  double utilisation = 0.0;
  /// The concurrency limit of the other upstream holds calls back.
  bool limiting = false;
  /// Calls wait for capacity in the chain's queue.
  bool queued = false;
  /// Until the call's deadline, and what its like takes at the other upstream (the median, 0 when
  /// unknown).
  Duration remaining{0};
  Duration expected{0};
};

enum class HedgeVerdict : std::uint8_t {
  kStart,
  kNoOther,   ///< there is nowhere else to send it
  kBusy,      ///< a copy would take capacity that calls need
  kDeadline,  ///< a copy could not be back in time
  kBudget,    ///< of hedges, or of extra attempts as a whole
};

/// Whether the second attempt starts; withdraws from both budgets if so. `shared` is that of
/// retries and probes too: hedges leave them half of what it holds at rest. Ask once per call: a
/// third attempt is never made beside two.
[[nodiscard]] HedgeVerdict hedge_now(const HedgeOptions& options, const HedgeMoment& moment,
                                     TimePoint now, HedgeBudget& budget,
                                     RetryBudget& shared) noexcept;

}  // namespace sluice::policy
