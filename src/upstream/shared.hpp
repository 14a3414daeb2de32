// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/asio.hpp"
#include "net/tls.hpp"
#include "policy/balance/upstream_stats.hpp"
#include "upstream/class_board.hpp"
#include "upstream/options.hpp"

namespace sluice::upstream {

/// The process-wide cap on connections to upstreams (limits.upstream_connections).
struct Ceiling {
  std::atomic<std::uint32_t> used{0};
  std::atomic<std::uint32_t> max{4096};
};

/// What an operator has set by hand for one upstream (`sluice ctl`), and whoever decides looks at
/// first. Written by the control thread, read by all; lives on across reloads under the upstream's
/// name, until it is taken back.
struct Hand {
  enum class Breaker : std::uint8_t { kAuto, kOpen, kClosed };
  static constexpr std::size_t kClassesMax = 16;
  static constexpr std::uint32_t kAuto = UINT32_MAX;

  /// Gets no new calls; those under way end, and its idle connections are closed.
  std::atomic<bool> drained{false};
  /// In place of the configured weight; kAuto: that one holds.
  std::atomic<std::uint32_t> weight{kAuto};
  /// How many connections the pool aims to have; kAuto: as the configuration or the scaler says.
  std::atomic<std::uint32_t> connections{kAuto};
  /// By method class.
  std::array<std::atomic<Breaker>, kClassesMax> breakers{};

  [[nodiscard]] bool takes_calls() const noexcept {
    return !drained.load(std::memory_order_relaxed);
  }
  [[nodiscard]] double weight_or(double configured) const noexcept {
    const std::uint32_t set = weight.load(std::memory_order_relaxed);
    return set == kAuto ? configured : static_cast<double>(set);
  }
  [[nodiscard]] Breaker breaker(std::size_t method_class) const noexcept {
    return breakers[method_class].load(std::memory_order_relaxed);
  }
  void take_over(const Hand& earlier) noexcept;
};

/// What one worker tells of its connections to one upstream. Written by that worker alone, but for
/// `peak`, which the control thread sets back.
struct alignas(64) PoolPart {
  std::atomic<std::uint32_t> open{0};
  std::atomic<std::uint32_t> busy{0};
  /// Most busy at once since it was last set back.
  std::atomic<std::uint32_t> peak{0};
  /// Connections that are being tried: their calls are no client's.
  std::atomic<std::uint32_t> trials{0};
};

/// What all workers and the control thread share about one upstream: permits, in-flight calls, what
/// live traffic saw, and what the health monitor decided. All atomics, and relaxed but for permits:
/// each value stands alone and may be a moment old. Created by the control thread with a snapshot,
/// held by shared_ptr until the last worker's pool has let go.
class Shared {
 public:
  Shared(Options options, std::shared_ptr<net::ClientTls> tls, std::shared_ptr<Ceiling> ceiling,
         std::size_t workers = 1);

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& request_prefix() const noexcept { return request_prefix_; }
  [[nodiscard]] const std::shared_ptr<net::ClientTls>& tls() const noexcept { return tls_; }

  /// One permit is one connection, dialling ones too. Never above the upstream's cap nor the global
  /// one.
  [[nodiscard]] bool take_permit() noexcept;
  /// Returns whether the global cap was reached until now: then others may have waited for it too.
  bool return_permit() noexcept;
  /// Sequentially consistent, as giving permits back and the queue's count of waiters are: who
  /// registers and then looks here, or gives back (or raises the limit) and then looks there, does
  /// not miss the other.
  [[nodiscard]] bool has_permit() const noexcept {
    return connections.load() < limit.load() && ceiling_->used.load() < ceiling_->max.load();
  }

  /// All connections that it may have are there and carry calls: idle ones of other workers can be
  /// had.
  [[nodiscard]] bool at_limit() const noexcept {
    const std::uint32_t most = limit.load(std::memory_order_relaxed);
    return connections.load(std::memory_order_relaxed) >= most && carrying() >= most;
  }
  /// More than the concurrency limit allows, since that fell.
  [[nodiscard]] bool above_limit() const noexcept {
    return connections.load(std::memory_order_relaxed) >
           limit.load(std::memory_order_relaxed) + parked.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::vector<PoolPart>& parts() noexcept { return parts_; }
  [[nodiscard]] const Ceiling& ceiling() const noexcept { return *ceiling_; }

  /// Where to begin among the endpoints: the one that answered last.
  [[nodiscard]] std::size_t first_endpoint() const noexcept {
    return first_endpoint_.load(std::memory_order_relaxed);
  }
  void set_first_endpoint(std::size_t index) noexcept {
    first_endpoint_.store(index, std::memory_order_relaxed);
  }

  /// Addresses in the order to try them; empty until the name has been resolved once.
  [[nodiscard]] std::shared_ptr<const std::vector<net::TcpEndpoint>> endpoints() const;
  void set_endpoints(std::vector<net::TcpEndpoint> endpoints);

  /// Takes over what was learned under earlier options of the same node, at a reload.
  void inherit(const Shared& earlier) noexcept;

  /// What strategies know of the node; the same object across reloads.
  [[nodiscard]] policy::UpstreamStats& stats() const noexcept { return *stats_; }
  /// What attempts did by method class, and the breakers; the same object across reloads.
  [[nodiscard]] ClassBoard& classes() const noexcept { return *classes_; }
  /// What half of the calls of a method class take; zero: not enough is known.
  [[nodiscard]] Duration usual(std::size_t method_class) const noexcept {
    return Duration(usual_ns[method_class].load(std::memory_order_relaxed));
  }
  /// How long an attempt of a method class may take before a second one is worth while; zero: not
  /// enough is known.
  [[nodiscard]] Duration hedge_after(std::size_t method_class) const noexcept {
    return Duration(hedge_after_ns[method_class].load(std::memory_order_relaxed));
  }

  /// Makes the breakers what the operator's hand says.
  void obey_hand() noexcept;

  /// Connections that carry calls: those of a batch share one.
  [[nodiscard]] std::uint32_t carrying() const noexcept {
    const std::uint32_t calls = in_flight.load(std::memory_order_relaxed);
    const std::uint32_t sharing = in_flight_shared.load(std::memory_order_relaxed);
    return calls > sharing ? calls - sharing : 0;
  }

  /// Folds one duration into the mean response time (exponential, weight 1/16).
  void observe_latency(Duration duration) noexcept;
  /// The same for the time from dialling a connection until it can carry a call.
  void observe_handshake(Duration duration) noexcept;

  // Written by workers.
  alignas(64) std::atomic<std::uint32_t> connections{0};
  /// Calls, those of a batch each on its own.
  std::atomic<std::uint32_t> in_flight{0};
  /// How many of them share their connection with another.
  std::atomic<std::uint32_t> in_flight_shared{0};
  /// Connections whose reply streams to its client: how long they take is up to that one.
  std::atomic<std::uint32_t> streaming{0};
  std::atomic<std::uint32_t> connecting{0};
  /// Permits of calls that wait for a connection without one being dialled for them.
  std::atomic<std::uint32_t> parked{0};
  std::atomic<std::uint64_t> latency_ns{0};
  /// Calls that found no connection because of `limit`.
  std::atomic<std::uint64_t> held_back{0};
  /// 0 while unknown.
  std::atomic<std::uint64_t> handshake_ns{0};
  alignas(64) std::atomic<std::uint64_t> successes{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> connect_failures{0};
  std::atomic<std::uint32_t> consecutive_failures{0};
  std::atomic<std::uint32_t> consecutive_connect_failures{0};
  /// Connections that could not be made ready before calls came.
  std::atomic<std::uint64_t> warm_ups_failed{0};
  /// Attempts in a row that were given up because a second one elsewhere was answered first.
  std::atomic<std::uint32_t> outrun{0};
  /// The method classes of the failures in that row, as bits.
  std::atomic<std::uint32_t> failing_classes{0};
  /// Nanoseconds of the monotonic clock until which a 429 asked us to stay away.
  std::atomic<std::int64_t> throttled_until_ns{0};
  /// The same, until which calls are sent one by one, since it did not take a batch.
  std::atomic<std::int64_t> unbatched_until_ns{0};
  /// The highest block seen in live replies or probes.
  alignas(64) std::atomic<std::uint64_t> head{0};

  // Written by the control thread.
  /// Connections at most: connections_max, or less by the concurrency limit.
  std::atomic<std::uint32_t> limit;
  /// The concurrency limit holds calls back, or is about to.
  std::atomic<bool> limiting{false};
  /// What the plan wants all workers together to have.
  std::atomic<std::uint32_t> target;
  std::atomic<bool> in_rotation{false};
  std::atomic<bool> verified{false};
  /// Its first probe has ended, well or not.
  std::atomic<bool> probed{false};
  /// On the right chain, and its latest probe was answered: of use where nobody in rotation is.
  std::atomic<bool> answering{false};
  /// Blocks behind the chain's head.
  std::atomic<std::uint64_t> lag{0};
  std::atomic<double> score{1.0};
  /// Its response times or errors are unlike themselves: others are preferred.
  std::atomic<bool> to_blame{false};
  /// Share of its usual calls that it should be given after a return, 0..1.
  std::atomic<double> ramp{1.0};
  alignas(64) Hand hand;
  /// By method class.
  std::array<std::atomic<std::int64_t>, kMethodClassesMax> hedge_after_ns{};
  std::array<std::atomic<std::int64_t>, kMethodClassesMax> usual_ns{};

  /// Connections of this upstream, under earlier options too, that are busy for the last time.
  std::shared_ptr<std::atomic<std::uint32_t>> draining =
      std::make_shared<std::atomic<std::uint32_t>>(0);

 private:
  const Options options_;
  const std::string request_prefix_;
  const std::shared_ptr<net::ClientTls> tls_;
  const std::shared_ptr<Ceiling> ceiling_;
  std::vector<PoolPart> parts_;
  std::shared_ptr<ClassBoard> classes_;
  std::shared_ptr<policy::UpstreamStats> stats_ = std::make_shared<policy::UpstreamStats>();
  std::atomic<std::size_t> first_endpoint_{0};
  mutable std::mutex endpoints_mutex_;
  std::shared_ptr<const std::vector<net::TcpEndpoint>> endpoints_;
};

}  // namespace sluice::upstream
