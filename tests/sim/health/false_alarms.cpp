// SPDX-License-Identifier: Apache-2.0
#include "sim/health/false_alarms.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "policy/chain_health.hpp"
#include "policy/probe_plan.hpp"
#include "sim/core/draw.hpp"
#include "sim/core/engine.hpp"
#include "sim/health/guard.hpp"

namespace sluice::sim::health {

namespace {

constexpr Duration kTick = 100ms;
constexpr Duration kBlock = 12s;
constexpr std::array<double, kKinds> kShares = {0.40, 0.40, 0.15, 0.05};
constexpr std::array<double, kKinds> kMedians = {1.2e-3, 4e-3, 21e-3, 101e-3};
constexpr double kSigma = 1.0;

std::uint32_t poisson(double mean, Random& random) {
  if (mean > 50) {
    return static_cast<std::uint32_t>(
        std::max(0.0, std::round(mean + std::sqrt(mean) * normal(random))));
  }
  std::uint32_t n = 0;
  for (double product = open_uniform(random); product > std::exp(-mean);
       product *= open_uniform(random)) {
    ++n;
  }
  return n;
}

class Quiet {
 public:
  Quiet(const QuietScene& scene, std::uint64_t seed)
      : scene_(scene), random_(derived(seed, 9)), health_({}, scene.upstreams) {
    for (std::size_t i = 0; i < scene.upstreams; ++i) nodes_.push_back({.gap = gap()});
  }

  QuietOutcome go() {
    for (; now_ < Engine::kStart + scene_.time; now_ += kTick) {
      for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        calls(i);
      }
      follow(health_.judge(now_, random_));
      for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        const policy::Passive& passive = nodes_[i].latest;
        if (passive.successes + passive.failures > 0)
          follow(health_.passive(i, passive, now_, random_));
        probe(i);
      }
      follow(health_.tick(now_));
    }
    return {.ejections = ejections_,
            .upstream_weeks = seconds(scene_.time) * static_cast<double>(nodes_.size()) / 604'800};
  }

 private:
  struct Node {
    std::uint64_t gap = 0;  ///< good calls before the next failure
    std::uint32_t run = 0;
    std::uint32_t failing_classes = 0;
    policy::Passive latest;
    policy::ProbePlan plan{{}};
    std::uint64_t head = 0;
    TimePoint head_at{};
    TimePoint moved_at{};
    std::uint32_t failed = 0;
  };

  std::uint64_t gap() {
    if (scene_.failing <= 0) return ~std::uint64_t{0};
    return static_cast<std::uint64_t>(std::log(open_uniform(random_)) /
                                      std::log1p(-scene_.failing));
  }

  void calls(std::uint32_t i) {
    Node& node = nodes_[i];
    const double rate = scene_.rate / static_cast<double>(nodes_.size());
    std::array<policy::ClassTraffic, kKinds> classes{};
    policy::Passive passive;
    for (std::uint32_t c = 0; c < kKinds; ++c) {
      std::uint32_t left = poisson(rate * kShares[c] * seconds(kTick), random_);
      policy::ClassTraffic& own = classes[c];
      own.in_flight = poisson(rate * kShares[c] * kMedians[c], random_);
      while (left > 0) {
        if (node.gap >= left) {
          node.gap -= left;
          own.successes += left;
          node.run = node.failing_classes = 0;
          break;
        }
        if (node.gap > 0) node.run = node.failing_classes = 0;
        own.successes += static_cast<std::uint32_t>(node.gap);
        left -= static_cast<std::uint32_t>(node.gap) + 1;
        ++own.failures;
        ++node.run;
        node.failing_classes |= 1U << c;
        node.gap = gap();
      }
      own.log_seconds = own.successes * std::log(kMedians[c]) +
                        kSigma * std::sqrt(own.successes) * normal(random_);
      passive.successes += own.successes;
      passive.failures += own.failures;
    }
    passive.consecutive_failures = std::min(node.run, passive.failures);
    passive.failing_classes = node.failing_classes;
    node.latest = passive;
    health_.traffic(i, classes, now_);
  }

  void probe(std::uint32_t i) {
    Node& node = nodes_[i];
    const policy::ProbeView view{
        .well = health_.serving(i) == policy::Serving::kIn && node.failed == 0,
        .returning = health_.upstream(i).probe_class().has_value(),
        .failed = node.failed,
        .suspect = (health_.suspects() & policy::bit_of(i)) != 0,
        .successes = node.latest.successes,
        .failures = node.latest.failures,
        .lag = health_.standing(i, now_).lag,
        .head_at = node.head_at,
        .moved_at = node.moved_at,
        .block_time = kBlock};
    if (!node.plan.due(view, now_, random_)) return;
    node.plan.sent(now_);
    const bool fails = random_.uniform() < scene_.failing;
    node.failed = fails ? node.failed + 1 : 0;
    if (fails) {
      follow(health_.probe_failed(i, policy::ProbeFailure::kTimeout, now_, random_));
      return;
    }
    const auto since = now_ - Engine::kStart + 10 * kBlock;
    const auto block = static_cast<std::uint64_t>(since / kBlock);
    Random luck = derived(17, block, i);
    const Duration late = from_seconds(0.3 + 0.5 * lognormal(luck, 1.0));
    const std::uint64_t head = since % kBlock >= late ? block : block - 1;
    if (head > node.head) {
      node.head = head;
      node.moved_at = now_;
    }
    node.head_at = now_;
    follow(health_.probe_ok(i,
                            {.head = head,
                             .chain_verified = true,
                             .latency = from_seconds(1.2e-3 * lognormal(random_, 0.5)),
                             .representative = true,
                             .class_time = from_seconds(4e-3)},
                            now_, random_));
  }

  void follow(std::span<const policy::RotationChange> changes) {
    for (const policy::RotationChange& change : changes) {
      if (change.from == policy::Serving::kIn) ++ejections_;
    }
  }

  QuietScene scene_;
  Random random_;
  policy::ChainHealth health_;
  std::vector<Node> nodes_;
  TimePoint now_ = Engine::kStart;
  double ejections_ = 0;
};

}  // namespace

QuietOutcome run_quiet(const QuietScene& scene, std::uint64_t seed) {
  return Quiet(scene, seed).go();
}

}  // namespace sluice::sim::health
