// SPDX-License-Identifier: Apache-2.0
// What keeps an upstream from getting a call: asked for each call and upstream, and told to whoever
// wants to know why.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ethereum/block_ref.hpp"
#include "policy/balance/balancer.hpp"
#include "policy/hedge.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

/// How much is asked of an upstream. Where nobody in rotation is left, one that sits out its time
/// but answers its probes is better than none.
enum class Fit : std::uint8_t { kBest, kInRotation, kLastResort };

enum class Obstacle : std::uint8_t {
  kNone,
  kDrained,
  kOut,
  kThrottled,
  kRateUsedUp,
  kOutrun,
  kToBlame,
  kConnectFailed,
  kFailing,
  kBreaker,
  kWithoutBlock,
  kLagging,
};
[[nodiscard]] std::string_view word(Obstacle obstacle) noexcept;

/// After so many failures in a row, of several classes of methods, live traffic avoids an upstream
/// at once, ahead of the health monitor's verdict. One class alone is for its breaker.
inline constexpr std::uint32_t kSuspectFailures = 5;

/// The first thing that keeps a call of that class and block from `spec`; `chain_head`: the chain's
/// best. Any thread.
[[nodiscard]] inline Obstacle obstacle(const UpstreamSpec& spec, std::size_t method_class,
                                       const ethereum::BlockRef& block, std::uint64_t chain_head,
                                       TimePoint now, Fit least) noexcept {
  const upstream::Shared& shared = *spec.shared;
  constexpr auto relaxed = std::memory_order_relaxed;
  if (!shared.hand.takes_calls()) return Obstacle::kDrained;
  if (!shared.in_rotation.load(relaxed) &&
      (least != Fit::kLastResort || !shared.answering.load(relaxed))) {
    return Obstacle::kOut;
  }
  if (shared.throttled_until_ns.load(relaxed) > now.time_since_epoch().count())
    return Obstacle::kThrottled;
  if (!spec.rate->open(now)) return Obstacle::kRateUsedUp;
  if (least != Fit::kBest) return Obstacle::kNone;
  if (shared.outrun.load(relaxed) >= policy::kOutrunSuspect) return Obstacle::kOutrun;
  if (shared.to_blame.load(relaxed)) return Obstacle::kToBlame;
  // One connection that did not come about is enough to go elsewhere until a probe tells more.
  if (shared.consecutive_connect_failures.load(relaxed) > 0) return Obstacle::kConnectFailed;
  if (shared.consecutive_failures.load(relaxed) >= kSuspectFailures &&
      std::popcount(shared.failing_classes.load(relaxed)) > 1) {
    return Obstacle::kFailing;
  }
  if (!shared.classes().breaker(method_class).ready(now)) return Obstacle::kBreaker;
  const std::uint64_t head = shared.head.load(relaxed);
  using ethereum::BlockRef;
  if (block.number != 0 && block.number <= chain_head && head < block.number)
    return Obstacle::kWithoutBlock;
  // A call that names no block asks of the newest all the same: eth_blockNumber, gas prices, what
  // became of a transaction.
  const bool past = block.kind == BlockRef::kNumber || block.kind == BlockRef::kEarliest;
  return past || shared.lag.load(relaxed) <= spec.lag_prefer ? Obstacle::kNone : Obstacle::kLagging;
}

/// How an upstream stands at a pick. Any thread.
[[nodiscard]] inline policy::Candidate candidate_of(const UpstreamSpec& spec,
                                                    std::uint32_t index) noexcept {
  const upstream::Shared& shared = *spec.shared;
  constexpr auto relaxed = std::memory_order_relaxed;
  return {.index = index,
          .tier = spec.tier,
          .weight = shared.hand.weight_or(spec.weight),
          .in_flight = shared.carrying(),
          .capacity = shared.limit.load(relaxed),
          .latency_s = static_cast<double>(shared.latency_ns.load(relaxed)) * 1e-9,
          .score = shared.score.load(relaxed),
          .stats = &shared.stats()};
}

}  // namespace sluice::proxy
