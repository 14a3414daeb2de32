// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/balance/upstream_stats.hpp"

namespace sluice::policy {

/// Service times are averaged as their fourth roots: for the skewed ones that nodes have, that is
/// within a few per cent of the best mean for lognormal times and needs a quarter fewer samples
/// than the logarithm for exponential ones, and costs two square roots.
[[nodiscard]] float root_of(float seconds) noexcept;
[[nodiscard]] inline float seconds_of(float root) noexcept {
  return root * root * root * root;
}

/// Three memories, of which the one that foretells best is believed.
inline constexpr std::size_t kMemories = 3;
inline constexpr std::array<float, kMemories> kMemoryCalls{10.0F, 30.0F, 100.0F};

/// What one worker makes of the shared figures of all upstreams it meets: how a class compares
/// among them, and hence how far one upstream's own figure can be believed (empirical Bayes). The
/// comparison is worked out anew every 100 ms at most; in between only the upstream that ended a
/// call is. Part of a strategy.
class PeerView {
 public:
  explicit PeerView(std::size_t upstreams_max) : peers_(upstreams_max) {}

  void meet(std::uint32_t index, UpstreamStats& stats) noexcept { peers_[index].stats = &stats; }
  [[nodiscard]] UpstreamStats* peer(std::uint32_t index) const noexcept {
    return index < peers_.size() ? peers_[index].stats : nullptr;
  }

  /// Folds a service time in. `share`: how much of the response time it was, 0..1; what was mostly
  /// waiting says little. Returns by how much it was off, as a logarithm.
  float learn_service(UpstreamStats::Class& cell, std::size_t klass, float seconds, float share,
                      std::int64_t now_ns) noexcept;
  /// Did calls that met more work in flight than usual (`crowded`, its share) take longer than
  /// foretold? Then the node works on fewer at a time than was thought. `off` as from
  /// learn_service().
  void learn_parallel(UpstreamStats& stats, float off, float crowded) const noexcept;
  /// How many calls it seems to work on at a time; as its peers while it has not shown it.
  [[nodiscard]] float parallel(const UpstreamStats& stats) const noexcept {
    const float own = stats.parallel.load().first;
    return own > 0.0F ? own : usual_parallel_;
  }
  /// Calls a second, relative to its peers, of a class of which nothing else is known.
  [[nodiscard]] float capacity(std::uint32_t index) const noexcept {
    return peers_[index].capacity;
  }
  /// A call failed or did not.
  static void learn_failure(UpstreamStats::Class& cell, bool failed) noexcept;

  /// Compares the peers and writes what is expected of each.
  void compare(std::int64_t now_ns) noexcept;
  /// What is expected of one upstream's class now.
  void expect(std::uint32_t index, std::size_t klass, std::int64_t now_ns) noexcept;

  /// Service time where nothing is known of the upstream: that of its peers.
  [[nodiscard]] float usual_s(std::size_t klass) const noexcept {
    return seconds_of(usual_[klass].root);
  }

 private:
  struct Usual {
    float root = 0.316F;   ///< mean over the peers; at first 10 ms
    float between = 0.0F;  ///< relative variance among the peers beyond what chance explains
    float within = 0.06F;  ///< relative variance of one sample
    std::array<float, kMemories> errors{0.06F, 0.06F, 0.06F};  ///< mean squares, of each memory
    float tried = 0.0F;       ///< samples behind `errors`, up to a bound
    std::uint8_t memory = 1;  ///< the best of them
    bool known = false;
  };
  /// A believed relative deviation from the usual, times its weight, and the weight.
  struct Deviation {
    float sum = 0.0F;
    float weight = 0.0F;
  };
  struct Peer {
    UpstreamStats* stats = nullptr;
    std::array<Deviation, kStatClasses> deviations;
    Deviation total;
    float capacity = 1.0F;
  };

  void compare(std::size_t klass, std::int64_t now_ns) noexcept;
  void choose_memory(Usual& usual) const noexcept;
  void compare_parallel() noexcept;

  std::vector<Peer> peers_;
  std::array<Usual, kStatClasses> usual_;
  float usual_parallel_ = 1.0F;
};

}  // namespace sluice::policy
