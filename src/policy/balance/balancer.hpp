// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"

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
};

[[nodiscard]] inline bool has_room(const Candidate& candidate) noexcept {
  return candidate.capacity == 0 || candidate.in_flight < candidate.capacity;
}

struct PickContext {
  TimePoint now{};
  std::uint32_t method_class = 0;
  std::uint64_t affinity_hash = 0;
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
  /// How an attempt ended; strategies that read all they need from the candidates ignore it.
  virtual void observe(std::uint32_t index, Duration latency, bool ok) noexcept;
};

/// Null when no strategy has that name. `upstreams_max`: one more than the greatest index that will
/// come.
[[nodiscard]] std::unique_ptr<Balancer> make_balancer(std::string_view strategy,
                                                      std::size_t upstreams_max);

/// The names that make_balancer knows, in the order of the documentation.
[[nodiscard]] std::span<const std::string_view> balancer_names() noexcept;

/// Brings the candidates of the lowest tier to the front, in their order, and returns them; the
/// rest stays behind them. Linear, no allocation.
[[nodiscard]] std::span<Candidate> select_tier(std::span<Candidate> candidates) noexcept;

}  // namespace sluice::policy
