// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "policy/balance/upstream_stats.hpp"

namespace sluice::policy {

/// One upstream that may take the call, as it stands at this pick. The caller fills at most 64 of
/// them, only eligible ones (method, health, breaker, head, budget, not tried yet), in any order.
struct Candidate {
  std::uint32_t index =
      0;  ///< the upstream's index in its chain; the key of what a strategy remembers
  std::uint32_t tier = 1;  ///< 1 is used first
  double weight = 1.0;     ///< share; 0 or less only when nobody else is left
  std::uint32_t in_flight = 0;
  std::uint32_t capacity = 0;  ///< calls in flight it takes; 0 is unlimited
  double latency_s = 0.0;      ///< recent mean response time; 0 is unknown
  double score = 1.0;          ///< health, 0..1
  /// What is known of it to all workers; a strategy keeps its own where it is null.
  UpstreamStats* stats = nullptr;
};

[[nodiscard]] inline bool has_room(const Candidate& candidate) noexcept {
  return candidate.capacity == 0 || candidate.in_flight < candidate.capacity;
}

/// What can be told of a call's size before it is sent; natural logarithms.
struct CallFeatures {
  float log_params = 0.0F;  ///< of 1 + the bytes of its params
  float log_span = 0.0F;    ///< of 1 + the blocks it spans; 0 for one block
  bool historical = false;  ///< asks for state of a past block
};

struct PickContext {
  TimePoint now{};
  std::uint32_t method_class = 0;
  std::uint64_t affinity_hash = 0;  ///< 0 is none
  CallFeatures features{};
};

/// How an attempt ended, for the strategy.
enum class Ended : std::uint8_t {
  kOk,         ///< the node worked and answered; a revert, too
  kError,      ///< the node's fault: failed, refused, cut off, out of time
  kThrottled,  ///< 429
  kCancelled,  ///< nobody wanted the answer any more: says nothing but how long there was none
};

/// One attempt under way, kept by the caller from started() to finished(). A value without
/// pointers into anything but the upstream's statistics; the empty one is of no effect.
struct Ticket {
  UpstreamStats* stats = nullptr;
  std::int64_t began_ns = 0;
  std::int64_t work_ns = 0;
  float wait_ratio = 1.0F;  ///< expected response time by expected service time
  float size = 1.0F;        ///< factor on the service time that the call's features made
  float crowded = 0.0F;     ///< share of others in the work in flight when it began
  float propensity = 0.0F;  ///< with which the pick fell on it; 0 when it was not picked
  std::uint32_t index = 0;
  std::uint8_t klass = 0;
  CallFeatures features{};
};

enum class AffinityOutcome : std::uint8_t {
  kNone,     ///< the call has no key
  kKept,     ///< on the upstream that its key names
  kMoved,    ///< that one is not eligible: the next took it
  kSpilled,  ///< that one has more than its share of the calls in flight
};

/// A pick in words: one line each, printable ASCII, without ";" and "|".
struct Explanation {
  std::string rule;                    ///< what the strategy goes by
  std::vector<std::string> standings;  ///< of each candidate, in their order
};

/// A strategy: which of the candidates takes the call. One instance per worker and chain, owned by
/// the worker and used on its thread only; lives as long as the chain's configuration. It neither
/// decides who is eligible nor counts what is in flight. A full candidate is picked only when all
/// are full: then the caller queues for capacity.
class Balancer {
 public:
  Balancer() = default;
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;
  virtual ~Balancer() = default;

  /// The position in `candidates`; nothing when it is empty. Candidates whose index is not below
  /// `upstreams_max` are passed over. Never allocates; cost is linear in the candidates.
  [[nodiscard]] virtual std::optional<std::uint32_t> pick(std::span<const Candidate> candidates,
                                                          const PickContext& context,
                                                          Random& random) noexcept = 0;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Whether it gives a returned upstream little at first by itself.
  [[nodiscard]] virtual bool ramps() const noexcept { return false; }
  /// An attempt is being sent to the upstream, picked here or not (pinned, replayed, the only one).
  /// `stats` as in its candidate. Every ticket comes back through finished() exactly once, on any
  /// worker's instance of the same strategy.
  [[nodiscard]] virtual Ticket started(std::uint32_t index, UpstreamStats* stats,
                                       const PickContext& context) noexcept;
  /// `took`: what the node needed for this call, not below 0: without the wait for a connection,
  /// and of a batch's time its part.
  virtual void finished(const Ticket& ticket, Ended ended, TimePoint now, Duration took) noexcept;
  /// Of the latest pick.
  [[nodiscard]] virtual AffinityOutcome affinity() const noexcept;
  /// Which candidate such a call would be given and why, in words. Reads what the workers share and
  /// writes nothing, so that an instance made for it may explain on any thread; of what a strategy
  /// has for itself (turns, models) it then says nothing. Allocates: not for the hot path.
  [[nodiscard]] virtual Explanation explain(std::span<const Candidate> candidates,
                                            const PickContext& context) const = 0;
};

/// Null when no strategy has that name. `upstreams_max`: one more than the greatest index that will
/// come.
[[nodiscard]] std::unique_ptr<Balancer> make_balancer(std::string_view strategy,
                                                      std::size_t upstreams_max);

/// Whether that strategy looks at weights.
[[nodiscard]] bool uses_weights(std::string_view strategy) noexcept;

/// Brings the candidates of the lowest tier to the front, in their order, and returns them; the
/// rest stays behind them. Linear, no allocation.
[[nodiscard]] std::span<Candidate> select_tier(std::span<Candidate> candidates) noexcept;

}  // namespace sluice::policy
