// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "policy/balance/balancer.hpp"
#include "policy/balance/own_stats.hpp"
#include "policy/balance/service_level.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {

/// Least expected wait: a call goes where it will probably be answered first. For each upstream
///   cost = (service + work in flight / parallel + overdue + failing) / (weight x ramp)
/// service: what this class of call takes there, learned from response times less the waiting that
/// was expected; work in flight: the sum of what each call there is expected to take; parallel: how
/// many the node seems to work on at a time; overdue: how much longer than expected nothing has
/// come back from it; failing: the error ratio times what an error costs. Chosen at random among
/// those within 10 % of the best, so that several proxies do not move in step.
///
/// What is learned is in UpstreamStats, shared by the workers; this object, one per worker and
/// chain, holds only what is worked out of it.
class Adaptive : public Balancer {
 public:
  explicit Adaptive(std::size_t upstreams_max);

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates,
                                    const PickContext& context, Random& random) noexcept override;
  Ticket started(std::uint32_t index, UpstreamStats* stats,
                 const PickContext& context) noexcept override;
  void finished(const Ticket& ticket, Ended ended, TimePoint now, Duration took) noexcept override;
  std::string_view name() const noexcept override { return "adaptive"; }
  bool ramps() const noexcept override { return true; }
  Explanation explain(std::span<const Candidate> candidates,
                      const PickContext& context) const override;

 protected:
  /// Factor on the service time that is usual for its class.
  virtual float size(const PickContext& context) const noexcept;
  /// A call took e^`off` times what was foretold with `ticket.size`. `share`: how far that is to be
  /// believed.
  virtual void learn_size(const Ticket& ticket, float off, float share) noexcept;
  /// What it goes by, for explain().
  [[nodiscard]] virtual std::string rule(std::span<const Candidate> candidates,
                                         const PickContext& context) const;
  /// Whether a thousand calls a second of a class are enough to learn from.
  [[nodiscard]] virtual bool samples() const noexcept { return true; }

 private:
  /// Worse ones are taken only where there is none of a better kind.
  enum class Standing : std::uint8_t { kFree, kUnproven, kWeightless, kFull };
  /// In seconds; the total also by weight and ramp.
  struct Cost {
    float service = 0.0F;
    float waiting = 0.0F;
    float overdue = 0.0F;
    float failing = 0.0F;
    float total = 0.0F;
    Standing standing = Standing::kFree;
  };
  /// A call as it is being placed.
  struct Placed {
    std::size_t klass;
    float size;
    std::int64_t now_ns;
  };
  [[nodiscard]] Cost cost(const Candidate& candidate, const UpstreamStats& stats,
                          const Placed& call) const noexcept;
  [[nodiscard]] std::string standing_words(const Candidate& candidate, const UpstreamStats& stats,
                                           const Cost& cost, const Placed& call) const;
  [[nodiscard]] std::optional<std::uint32_t> scan(std::span<const Candidate> candidates,
                                                  const Placed& call, Random& random) noexcept;
  [[nodiscard]] std::optional<std::uint32_t> sample(std::span<const Candidate> candidates,
                                                    const Placed& call, Random& random) noexcept;
  void compare_if_due(std::int64_t now_ns) noexcept;
  void learn(const Ticket& ticket, Ended ended, float elapsed_s, std::int64_t now_ns) noexcept;

  std::size_t upstreams_max_;
  OwnStats own_;
  PeerView peers_;
  std::int64_t compared_ns_ = 0;
  std::uint32_t ended_since_ = 0;
  std::uint32_t ended_max_ = 8;
  /// Of the latest pick.
  std::uint32_t picked_ = 0;
  float propensity_ = 0.0F;
};

}  // namespace sluice::policy
