// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/hedge.hpp"
#include "policy/latency_histogram.hpp"
#include "upstream/shared.hpp"

namespace sluice::vitals {

struct ChainTarget {
  std::string name;
  policy::HedgeOptions hedge;
  std::vector<std::shared_ptr<upstream::Shared>> upstreams;
};

/// Response times of one class of calls at one upstream.
struct ClassFigures {
  std::size_t method_class = 0;
  std::uint64_t samples = 0;
  Duration p50{0};
  Duration p99{0};
  /// When a second attempt would be made; zero: never.
  Duration hedge_after{0};
};

/// Looks at what the workers have recorded once a second, and works out of it what they go by:
/// from when on a call of a class is late at an upstream. Control thread only; owned by the app. A
/// reload hands it new targets; what is known of a node that stays is kept. Decides nothing itself
/// (policy/ does) and records nothing (the workers do).
class Vitals {
 public:
  static constexpr Duration kEvery = std::chrono::seconds(1);

  void watch(std::vector<ChainTarget> targets);
  void tick(TimePoint now);
  /// Of the classes that have been called lately; empty for an unknown upstream.
  [[nodiscard]] std::vector<ClassFigures> figures(const upstream::Shared& shared) const;

 private:
  struct Watched {
    std::shared_ptr<upstream::Shared> shared;
    std::shared_ptr<const upstream::LatencyBoard> board;
    std::array<std::unique_ptr<policy::RecentLatency>, upstream::kMethodClassesMax> recent;
  };
  struct Chain {
    policy::HedgeOptions hedge;
    std::vector<Watched> upstreams;
  };

  static void read(Watched& watched, std::size_t method_class, TimePoint now);
  static void set_hedge_times(Chain& chain, std::size_t method_class);

  std::vector<Chain> chains_;
};

}  // namespace sluice::vitals
