// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sim/fleet/router.hpp"
#include "sim/fleet/workload.hpp"

namespace sluice::sim {

/// One answered call, after the warm-up.
struct Answer {
  float took_s = 0.0F;
  std::uint16_t method = 0;
  std::uint16_t upstream = 0;
  bool good = true;
};

struct Outcome {
  std::vector<Answer> answers;
  /// When each call was sent on and where to, warm-up included.
  struct Sent {
    float at_s = 0.0F;
    std::uint16_t upstream = 0;
  };
  std::vector<Sent> sent;
  std::uint64_t unanswered = 0;
  double busy_s = 0.0;  ///< from the first counted arrival to the last answer

  /// Seconds; of all answers, or of one method's.
  [[nodiscard]] double quantile_s(double q) const;
  [[nodiscard]] double quantile_s(double q, std::uint32_t method) const;
  [[nodiscard]] double mean_s() const;
  /// Good answers a second.
  [[nodiscard]] double goodput() const;
  /// Share of the calls sent in the window that went to `upstream`.
  [[nodiscard]] double share_of(std::uint32_t upstream, double from_s, double until_s) const;
};

/// Plays the workload against one policy. Deterministic in all arguments.
[[nodiscard]] Outcome play(const Workload& workload, const MakeRouter& policy,
                           const Deployment& deployment, std::uint64_t seed);

}  // namespace sluice::sim
