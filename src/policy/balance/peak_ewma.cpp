// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>

#include "policy/balance/choices.hpp"
#include "policy/balance/explain.hpp"
#include "policy/balance/own_stats.hpp"
#include "policy/balance/strategies.hpp"
#include "policy/ewma.hpp"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

constexpr Duration kMemory = 10s;
/// Longer than any response takes: one whose first call is still out is not sent a second.
constexpr double kPenalty = 1e6;

/// The cost and when it was last touched, in one word of UpstreamStats. The moment is in
/// microseconds modulo 2^32, 71 minutes.
struct Peak {
  float cost_s = 0.0F;
  std::uint32_t at_us = 0;
};

/// The cost as it has decayed until now.
struct Decayed {
  double before_s = 0.0;
  double kept = 1.0;
  std::uint32_t at_us = 0;
};

Decayed decayed(const UpstreamStats& stats, TimePoint now) noexcept {
  const auto now_us = static_cast<std::uint32_t>(now.time_since_epoch() / 1us);
  const auto peak = std::bit_cast<Peak>(stats.peak.load(std::memory_order_relaxed));
  // Another worker may have been a moment ahead.
  const auto passed = std::max(static_cast<std::int32_t>(now_us - peak.at_us), 0);
  return {static_cast<double>(peak.cost_s), kept_after(std::chrono::microseconds(passed), kMemory),
          peak.at_us + static_cast<std::uint32_t>(passed)};
}

/// Folds a response time in, 0 where the cost is only being read: reading lets it decay and sets
/// the moment too, just as the original does.
double observe(UpstreamStats& stats, double took_s, TimePoint now) noexcept {
  const auto [before, kept, at_us] = decayed(stats, now);
  const double cost = took_s > before ? took_s : before * kept + took_s * (1.0 - kept);
  stats.peak.store(std::bit_cast<std::uint64_t>(Peak{static_cast<float>(cost), at_us}),
                   std::memory_order_relaxed);
  return cost;
}

class PeakEwma final : public Balancer {
 public:
  explicit PeakEwma(std::size_t upstreams_max)
      : upstreams_max_(upstreams_max), own_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates,
                                    const PickContext& context, Random& random) noexcept override {
    const Drawn drawn(candidates, upstreams_max_);
    if (drawn.size() == 0) return std::nullopt;
    return drawn.better_of_two(random, [&](std::uint32_t a, std::uint32_t b) {
      return load(candidates[a], context.now) < load(candidates[b], context.now);
    });
  }

  Ticket started(std::uint32_t index, UpstreamStats* stats,
                 const PickContext& context) noexcept override {
    if (index >= upstreams_max_) return {};
    return {.stats = &own_.of(index, stats),
            .began_ns = context.now.time_since_epoch().count(),
            .index = index};
  }

  /// Errors count as answers, as they do there: quick ones attract.
  void finished(const Ticket& ticket, Ended ended, TimePoint now, Duration took) noexcept override {
    if (ticket.stats == nullptr || ended == Ended::kCancelled) return;
    observe(*ticket.stats, seconds(took), now);
  }
  std::string_view name() const noexcept override { return "peak-ewma"; }
  Explanation explain(std::span<const Candidate> candidates,
                      const PickContext& context) const override {
    return explain_each("the cheaper of two that are drawn: peak response time x calls in flight",
                        candidates, [&context](const Candidate& candidate) {
                          if (candidate.stats == nullptr) return in_flight_words(candidate);
                          const Decayed cost = decayed(*candidate.stats, context.now);
                          const double peak_s = cost.before_s * cost.kept;
                          if (peak_s <= 0.0) return in_flight_words(candidate) + ", not measured";
                          return fmt::format("{:.2f} ms = peak {:.2f} x {} in flight, this one too",
                                             peak_s * 1e3 * (candidate.in_flight + 1.0),
                                             peak_s * 1e3, candidate.in_flight + 1);
                        });
  }

 private:
  double load(const Candidate& candidate, TimePoint now) noexcept {
    const double cost = observe(own_.of(candidate.index, candidate.stats), 0.0, now);
    if (cost <= 0.0 && candidate.in_flight != 0) return kPenalty + candidate.in_flight;
    return cost * (candidate.in_flight + 1.0);
  }

  std::size_t upstreams_max_;
  OwnStats own_;
};

}  // namespace

std::unique_ptr<Balancer> make_peak_ewma(std::size_t upstreams_max) {
  return std::make_unique<PeakEwma>(upstreams_max);
}

}  // namespace sluice::policy
