// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.hpp"

namespace sluice::policy {

/// How far calls of one moment may leave for an upstream as one JSON-RPC batch.
struct BatchRule {
  /// Calls in one upstream batch; 1: each call leaves alone.
  std::size_t calls_max = 20;
  /// Nodes take the calls of a batch one after another, so a batch must not be larger than what the
  /// upstream is expected to answer within this time.
  Duration time_max = std::chrono::milliseconds(2);
};

/// Calls for the next upstream batch, from 1 to `waiting` (at least 1). `per_call`: the upstream's
/// mean response time of one call; zero while unknown, and then each call leaves alone. What waits
/// is spread evenly: 12 calls at a size of 10 leave as 6 and 6.
[[nodiscard]] constexpr std::size_t batch_size(const BatchRule& rule, Duration per_call,
                                               std::size_t waiting) noexcept {
  if (per_call <= Duration::zero() || waiting <= 1) return 1;
  const auto fitting =
      static_cast<std::size_t>(std::max<Duration::rep>(rule.time_max / per_call, 1));
  const std::size_t most = std::min({fitting, std::max<std::size_t>(rule.calls_max, 1), waiting});
  const std::size_t batches = (waiting + most - 1) / most;
  return (waiting + batches - 1) / batches;
}

}  // namespace sluice::policy
