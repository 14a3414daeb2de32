// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "policy/balance/explain.hpp"
#include "policy/balance/rotation.hpp"
#include "policy/balance/strategies.hpp"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

constexpr double kBandSeconds = 0.010;
constexpr std::uint32_t kExploreEvery = 20;
constexpr Duration kStaleAfter = 10s;

bool known(const Candidate& candidate) noexcept {
  return candidate.latency_s > 0.0;
}

/// Of those with room; infinite where none is known.
double lowest_of(std::span<const Candidate> candidates) noexcept {
  double lowest = HUGE_VAL;
  for (const Candidate& candidate : candidates) {
    if (known(candidate) && has_room(candidate)) lowest = std::min(lowest, candidate.latency_s);
  }
  return lowest;
}

class LatencyBased final : public Balancer {
 public:
  explicit LatencyBased(std::size_t upstreams_max)
      : rotation_(upstreams_max), picked_at_(upstreams_max) {}

  std::optional<std::uint32_t> pick(std::span<const Candidate> candidates,
                                    const PickContext& context, Random& random) noexcept override {
    if (!started_) start(candidates, context.now, random);
    auto position = explore(candidates, context.now);
    if (!position) position = fastest(candidates);
    if (position) picked_at_[candidates[*position].index] = context.now;
    return position;
  }
  std::string_view name() const noexcept override { return "latency-based"; }
  Explanation explain(std::span<const Candidate> candidates, const PickContext&) const override {
    const double band = lowest_of(candidates) + kBandSeconds;
    return explain_each("lowest mean response time, the better health score within 10 ms of it",
                        candidates, [band](const Candidate& candidate) {
                          if (!known(candidate))
                            return in_flight_words(candidate) + ", response time unknown";
                          const bool within = candidate.latency_s <= band && has_room(candidate);
                          return fmt::format("{:.2f} ms, score {:.2f}, {} in flight{}",
                                             candidate.latency_s * 1e3, candidate.score,
                                             candidate.in_flight,
                                             within ? ", within 10 ms of the fastest" : "");
                        });
  }

 private:
  void start(std::span<const Candidate> candidates, TimePoint now, Random& random) noexcept {
    if (candidates.empty()) return;
    started_ = true;
    rotation_.start(candidates, random);
    std::fill(picked_at_.begin(), picked_at_.end(), now);
    until_explore_ = static_cast<std::uint32_t>(random.below(kExploreEvery)) + 1;
  }

  /// Only an idle upstream is explored: one with calls in flight is being measured already, here or
  /// on another worker, and a black hole is never given more than one call at a time.
  std::optional<std::uint32_t> explore(std::span<const Candidate> candidates,
                                       TimePoint now) noexcept {
    if (--until_explore_ > 0) return std::nullopt;
    until_explore_ = kExploreEvery;
    const Candidate* due = nullptr;
    for (const Candidate& candidate : candidates) {
      if (!rotation_.knows(candidate) || candidate.in_flight > 0) continue;
      if (known(candidate) && now - picked_at_[candidate.index] < kStaleAfter) continue;
      if (due == nullptr || rotation_.stamp(candidate) < rotation_.stamp(*due)) due = &candidate;
    }
    if (due == nullptr) return std::nullopt;
    rotation_.picked(*due);
    return static_cast<std::uint32_t>(due - candidates.data());
  }

  std::optional<std::uint32_t> fastest(std::span<const Candidate> candidates) noexcept {
    const double lowest = lowest_of(candidates);
    if (std::isinf(lowest)) return pick_least(candidates, rotation_, fewer_in_flight);
    const double band = lowest + kBandSeconds;
    return pick_least(
        candidates, rotation_,
        [band](const Candidate& c) { return c.latency_s <= band && known(c) && has_room(c); },
        [](const Candidate& a, const Candidate& b) {
          return a.score != b.score ? a.score > b.score : a.in_flight < b.in_flight;
        });
  }

  Rotation rotation_;
  std::vector<TimePoint> picked_at_;
  std::uint32_t until_explore_ = 1;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<Balancer> make_latency_based(std::size_t upstreams_max) {
  return std::make_unique<LatencyBased>(upstreams_max);
}

}  // namespace sluice::policy
