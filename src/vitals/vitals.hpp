// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stance.hpp"
#include "policy/hedge.hpp"
#include "policy/latency_histogram.hpp"
#include "upstream/shared.hpp"
#include "vitals/chain_watch.hpp"

namespace sluice::vitals {

struct UpstreamTarget {
  std::string name;
  std::shared_ptr<upstream::Shared> shared;
  /// Calls a second that the provider allows; 0: none.
  double rate_limit_per_s = 0;
};

struct ChainTarget {
  std::string name;
  policy::HedgeOptions hedge;
  Stance anomalies = Stance::kOff;
  /// What the p99 of each upstream shall be at most; 0: anything.
  Duration latency_objective{0};
  std::vector<UpstreamTarget> upstreams;
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

/// What is found out, on the control thread. Names are valid during the call.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void anomaly(const std::string& chain, const std::string& upstream,
                       const AnomalyFound& found) = 0;
  virtual void anomaly_over(const std::string& chain, const std::string& upstream,
                            const AnomalyEnded& ended) = 0;
  virtual void limit_foretold(const std::string& chain, const std::string& upstream,
                              const LimitForecast& forecast) = 0;
};

/// Looks at what the workers have recorded once a second, and works out of it what they go by:
/// from when on a call of a class is late at an upstream; and every ten seconds whether an upstream
/// is unlike itself. Control thread only; owned by the app. A reload hands it new targets; what is
/// known of a node that stays is kept. Decides nothing itself (policy/ does) and records nothing
/// (the workers do).
class Vitals {
 public:
  static constexpr Duration kEvery = std::chrono::seconds(1);

  explicit Vitals(Observer& observer) noexcept : observer_(observer) {}

  void watch(std::vector<ChainTarget> targets);
  void tick(TimePoint now);
  /// Of the classes that have been called lately; empty for an unknown upstream.
  [[nodiscard]] std::vector<ClassFigures> figures(const upstream::Shared& shared) const;

  struct Finding {
    const std::string& chain;
    const std::string& upstream;
    std::array<std::uint64_t, kSeries> anomalies{};
    std::array<std::optional<Duration>, kLimits> breach_in{};
  };
  /// Of every upstream of the chains that are watched for anomalies.
  [[nodiscard]] std::vector<Finding> findings(TimePoint now) const;

 private:
  struct Watched {
    UpstreamTarget target;
    /// Its upstream's, the same after a reload.
    const upstream::ClassBoard* board = nullptr;
    std::array<std::unique_ptr<policy::RecentLatency>, upstream::kMethodClassesMax> recent;
    /// Of all classes, for the ten seconds that are watched.
    std::unique_ptr<policy::RecentLatency> window = std::make_unique<policy::RecentLatency>();
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    /// Calls that had a connection of their own, at most at once.
    std::uint32_t in_flight_max = 0;
    /// Counted since some time within the running ten seconds.
    bool partial = true;
  };
  struct Chain {
    ChainTarget target;
    std::vector<Watched> upstreams;
    std::optional<ChainWatch> watch;
  };

  static void take_over(Watched& next, Watched& kept, bool was_watched);
  static void read(Watched& watched, std::size_t method_class, TimePoint now);
  static void set_hedge_times(Chain& chain, std::size_t method_class);
  [[nodiscard]] static Reading reading(const Chain& chain, Watched& watched, TimePoint now);
  void look(Chain& chain, TimePoint now);

  Observer& observer_;
  std::vector<Chain> chains_;
  TimePoint looked_at_{};
};

}  // namespace sluice::vitals
