// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "sim/core/engine.hpp"

namespace sluice::sim::health {

/// Kinds of calls: an upstream's method classes.
enum Kind : std::uint32_t { kCheap, kCall, kLogs, kTrace };
inline constexpr std::size_t kKinds = 4;

/// How an attempt ended, as the proxy knows it.
enum class Ended : std::uint8_t {
  kOk,
  kError,
  kRefused,  ///< no connection
  kCut,      ///< the connection broke under the call
  kTimeout,
  kLost,  ///< taken back, since its upstream left
};

[[nodiscard]] constexpr bool good(Ended ended) noexcept {
  return ended == Ended::kOk;
}

/// How far down an upstream may be and still be asked.
enum class Rank : std::uint8_t { kBest, kInRotation, kLastResort };

/// A way of keeping calls away from bad upstreams: ours, and those that it is measured against. One
/// per run; all workers of the run share it.
class Guard {
 public:
  Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  virtual ~Guard() = default;

  [[nodiscard]] virtual bool fit(std::size_t upstream, Kind kind, Rank rank, TimePoint now) = 0;
  /// Its share of calls after a return, 0..1.
  [[nodiscard]] virtual double share(std::size_t, TimePoint) { return 1.0; }
  /// At the start of an attempt; what it returns comes back at the end.
  virtual std::uint32_t begin(std::size_t upstream, Kind kind, TimePoint now) = 0;
  virtual void end(std::size_t upstream, Kind kind, std::uint32_t token, Ended ended, Duration took,
                   TimePoint now) = 0;
  /// Whether it is used again just as before it failed.
  [[nodiscard]] virtual bool restored(std::size_t upstream, TimePoint now) {
    for (std::uint32_t k = 0; k < kKinds; ++k) {
      if (!fit(upstream, static_cast<Kind>(k), Rank::kBest, now)) return false;
    }
    return true;
  }
  [[nodiscard]] virtual std::uint64_t probes() const { return 0; }
};

/// What a guard may do with the run that it is in.
struct Surroundings {
  Engine& engine;
  std::size_t upstreams;
  std::uint64_t seed;
  /// Asks the upstream as a probe does and tells how it went and, where that was asked, its head.
  std::function<void(std::size_t upstream, Kind kind, Duration timeout,
                     std::function<void(Ended, Duration)> done)>
      ask;
  std::function<std::uint64_t(std::size_t upstream)> head_of;
  /// Takes back what is under way there.
  std::function<void(std::size_t upstream)> abandon;
};

enum class GuardKind : std::uint8_t { kOurs, kEnvoy, kResilience4j, kCount80, kNone };
inline constexpr std::size_t kGuards = 5;
[[nodiscard]] std::string_view word(GuardKind kind) noexcept;
[[nodiscard]] std::unique_ptr<Guard> make_guard(GuardKind kind, Surroundings& around);

std::unique_ptr<Guard> make_ours(Surroundings& around);
std::unique_ptr<Guard> make_envoy(Surroundings& around);
std::unique_ptr<Guard> make_resilience4j(Surroundings& around);
std::unique_ptr<Guard> make_count80(Surroundings& around);

}  // namespace sluice::sim::health
