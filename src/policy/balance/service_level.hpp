// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/balance/upstream_stats.hpp"

namespace sluice::policy {

struct Tuning {
  float samples_max = 100;
  float surprise = 0.55F;
  float forget_to = 8;
  float drift_gain = 0.125F;
  double idle_tau = 60;
  float parallel_gain = 0.03F;
  float softmin = 0.1F;
  float overdue_after = 3;
  float overdue_gain = 0.7F;
  float error_cost = 10;
  float hot = 1;
  float pool = 1;
  float soften = 0;
  float sigma_min = 0.3F;
};
extern Tuning g_tuning;

/// Samples beyond which an old one is not remembered, however fast they come.
inline constexpr float kMemorySeconds = 10.0F;

/// Folds one service time in: a mean of the logarithm that forgets with 10 s or 100 samples,
/// whichever is less, and at once where the latest samples lie on one side of it.
/// `share`: how much of the response time was service, 0..1; what was mostly waiting says little.
void learn_service(UpstreamStats::Class& cell, float log_s, float share,
                   std::int64_t now_ns) noexcept;

/// A call failed or did not. `failed` within 0..1.
void learn_failure(UpstreamStats::Class& cell, float failed) noexcept;

/// What one worker makes of the shared figures of all upstreams it meets: how a class compares
/// among them, and hence how far one upstream's own figure can be believed. Worked out anew every
/// 100 ms at most; in between only the upstream that ended a call is. Part of a strategy.
class PeerView {
 public:
  explicit PeerView(std::size_t upstreams_max) : peers_(upstreams_max, nullptr) {}

  void meet(std::uint32_t index, UpstreamStats& stats) noexcept { peers_[index] = &stats; }
  [[nodiscard]] UpstreamStats* peer(std::uint32_t index) const noexcept {
    return index < peers_.size() ? peers_[index] : nullptr;
  }
  [[nodiscard]] std::size_t size() const noexcept { return peers_.size(); }

  /// Compares the peers and writes what is expected of each.
  void compare(std::int64_t now_ns) noexcept;
  /// What is expected of one upstream's class now.
  void expect(std::uint32_t index, std::size_t klass, std::int64_t now_ns) noexcept;

  /// Service time where nothing is known of the upstream: that of its peers.
  [[nodiscard]] float usual_s(std::size_t klass) const noexcept { return usual_[klass].seconds; }

 private:
  struct Usual {
    float log_s = -4.6F;      ///< mean over the peers
    float seconds = 0.01F;    ///< its exponential
    float between = 0.0F;     ///< variance among the peers beyond what chance explains
    float within = 1.0F;      ///< variance of one sample
    bool known = false;
  };
  void compare(std::size_t klass, std::int64_t now_ns) noexcept;
  [[nodiscard]] float factor_without(std::uint32_t index, std::size_t klass) const noexcept;

  std::vector<UpstreamStats*> peers_;
  std::array<Usual, kStatClasses> usual_;
  /// By upstream and class: believed deviation from the usual, weighted; the sums give an
  /// upstream's factor for classes of which it has not shown much.
  struct Deviation {
    float sum = 0.0F;
    float weight = 0.0F;
  };
  std::vector<Deviation> totals_;
  std::vector<std::array<Deviation, kStatClasses>> deviations_;
};

}  // namespace sluice::policy
