// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace sluice::policy {

/// How far the connections are that an upstream is to have before it returns.
struct WarmUpView {
  std::uint32_t wanted = 0;
  std::uint32_t ready = 0;      ///< established, and tried if that is asked for
  std::uint32_t under_way = 0;  ///< being dialled or tried
  std::uint64_t failed = 0;     ///< since the warm-up began
};

enum class WarmUpVerdict : std::uint8_t { kWait, kReady, kFailed };

/// Whether a return is still to wait. One connection that is ready is enough where the others were
/// refused or take too long: a node may allow few. Where none is, and one has failed or is still
/// awaited when the time is over, nothing speaks for the upstream but its probe. Where nothing was
/// even tried (no permit is free), there is nothing to wait for.
[[nodiscard]] constexpr WarmUpVerdict judge_warm_up(const WarmUpView& view, Duration waited,
                                                    Duration most) noexcept {
  if (view.ready >= view.wanted) return WarmUpVerdict::kReady;
  const bool over = waited >= most;
  if (view.ready > 0)
    return over || (view.under_way == 0 && view.failed > 0) ? WarmUpVerdict::kReady
                                                            : WarmUpVerdict::kWait;
  if (view.under_way > 0) return over ? WarmUpVerdict::kFailed : WarmUpVerdict::kWait;
  if (view.failed > 0) return WarmUpVerdict::kFailed;
  return over ? WarmUpVerdict::kReady : WarmUpVerdict::kWait;
}

}  // namespace sluice::policy
