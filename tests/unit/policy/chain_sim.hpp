// SPDX-License-Identifier: Apache-2.0
// A chain on simulated time: scripted nodes, a prober, calls spread over whatever is in rotation,
// and ChainHealth fed with both, as the health monitor does: calls once per tick, probes every two
// seconds.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/chain_health.hpp"
#include "support/catch.hpp"
#include "unit/policy/sim.hpp"

namespace sluice::policy::test {

/// What a node is like at one moment.
struct Node {
  bool refuses = false;  ///< nothing listens
  bool silent = false;   ///< accepts and never answers
  double failing = 0.0;  ///< share of calls that fail; probes are answered
  bool wrong_chain = false;
  bool syncing = false;
  Duration frozen_at{-1};  ///< its head stays where it was at that time
  std::int64_t head_offset = 0;
  Duration latency = 20ms;
};

class ChainSim {
 public:
  /// Changes the nodes as time goes on; called before each step.
  using Script = std::function<void(Duration, std::vector<Node>&)>;

  static constexpr Duration kStep = 100ms;
  static constexpr Duration kProbeEvery = 2s;

  ChainSim(std::size_t nodes, std::uint64_t seed, const HealthOptions& options = {})
      : health(options, nodes), nodes_(nodes), shadow_(nodes, Serving::kOut), random_(seed) {
    for (std::size_t i = 0; i < nodes; ++i) {
      probe_at_.push_back(Duration(static_cast<Duration::rep>(random_.below(2'000'000'000))));
    }
  }

  double calls_per_s = 100.0;
  Duration block_time = 12s;
  bool head_may_fall = false;  ///< for scripts in which most nodes are far behind at one time

  /// Runs for `span`; `check` is called after each step.
  void run(Duration span, const Script& script, const std::function<void()>& check = [] {}) {
    const Duration end = t + span;
    for (; t < end; t += kStep) {
      script(t, nodes_);
      probes();
      calls();
      follow(health.tick(at(t)));
      invariants();
      check();
    }
  }

  [[nodiscard]] bool in_rotation(std::size_t i) const {
    return (health.rotation() & bit_of(i)) != 0;
  }
  [[nodiscard]] std::uint64_t true_head() const {
    return 1000 + static_cast<std::uint64_t>(t / block_time);
  }

  ChainHealth health;
  Duration t{0};
  std::uint64_t called = 0;
  std::uint64_t failed = 0;
  std::vector<std::string> events;  ///< "0.5s 1 out unreachable"; what a failing test prints
  std::size_t leaves = 0;

 private:
  [[nodiscard]] std::uint64_t head_of(const Node& node) const {
    const Duration seen = node.frozen_at >= 0s ? std::min(t, node.frozen_at) : t;
    const auto head = static_cast<std::int64_t>(1000 + seen / block_time) + node.head_offset;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(head, 0));
  }

  void probes() {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (t < probe_at_[i]) continue;
      probe_at_[i] += kProbeEvery;
      const Node& node = nodes_[i];
      if (node.refuses) {
        follow(health.probe_failed(i, ProbeFailure::kConnect, at(t), random_));
      } else if (node.silent) {
        follow(health.probe_failed(i, ProbeFailure::kTimeout, at(t), random_));
      } else if (node.wrong_chain) {
        follow(health.wrong_chain(i, at(t), random_));
      } else {
        follow(health.probe_ok(i,
                               {.head = head_of(node),
                                .chain_verified = true,
                                .syncing = node.syncing,
                                .latency = node.latency},
                               at(t), random_));
      }
    }
  }

  void calls() {
    due_ += calls_per_s * seconds(kStep);
    std::vector<Passive> passive(nodes_.size());
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (in_rotation(i)) open.push_back(i);
    }
    for (; due_ >= 1.0; due_ -= 1.0) {
      ++called;
      if (open.empty()) {
        ++failed;
        continue;
      }
      call(open[random_.below(open.size())], passive);
    }
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      follow(health.passive(i, passive[i], at(t), random_));
    }
  }

  void call(std::size_t i, std::vector<Passive>& passive) {
    const Node& node = nodes_[i];
    Passive& report = passive[i];
    if (node.refuses || node.silent || random_.uniform() < node.failing) {
      ++failed;
      ++report.failures;
      ++report.consecutive_failures;
      if (node.refuses) ++report.connect_failures;
    } else {
      ++report.successes;
      report.consecutive_failures = 0;
    }
  }

  /// The reported changes alone must tell the whole story.
  void follow(std::span<const RotationChange> changes) {
    for (const RotationChange& change : changes) {
      REQUIRE(shadow_[change.upstream] == change.from);
      REQUIRE(change.from != change.to);
      REQUIRE((change.to == Serving::kIn) == (change.reason == DownReason::kNone));
      shadow_[change.upstream] = change.to;
      if (change.to == Serving::kOut) ++leaves;
      events.push_back(std::to_string(seconds(t)) + " upstream " + std::to_string(change.upstream) +
                       " to " + std::to_string(static_cast<int>(change.to)) + " reason " +
                       std::to_string(static_cast<int>(change.reason)));
    }
  }

  /// One assertion per step: what is wrong, or nothing.
  void invariants() { REQUIRE(std::string_view(broken_invariant()) == ""); }

  [[nodiscard]] const char* broken_invariant() {
    UpstreamSet proven = 0;
    UpstreamSet served = 0;
    std::size_t answering_out = 0;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      const UpstreamHealth& one = health.upstream(i);
      const bool up = one.state() == HealthState::kUp;
      if (health.serving(i) != shadow_[i]) return "a change was not reported";
      if ((shadow_[i] == Serving::kIn) != up) return "in rotation by right and up are not the same";
      if (one.proven()) proven |= bit_of(i);
      if (shadow_[i] != Serving::kOut) served |= bit_of(i);
      const bool lost = !one.answers() || one.reason() == DownReason::kUnreachable;
      if (one.proven() && shadow_[i] == Serving::kOut && !lost) ++answering_out;
    }
    if (served != health.rotation()) return "the rotation is not those that serve";
    if ((served & ~proven) != 0) return "one serves whose chain nobody has checked";
    if (proven != 0 && served == 0) return "nobody is left";
    const auto n = static_cast<std::size_t>(std::popcount(proven));
    if (answering_out > std::max<std::size_t>(1, n / 2)) return "too many that answer are out";
    if (!head_may_fall && health.chain_head() < head_seen_) return "the head went back";
    head_seen_ = health.chain_head();
    return "";
  }

  std::vector<Node> nodes_;
  std::vector<Serving> shadow_;
  Random random_;
  std::vector<Duration> probe_at_;
  double due_ = 0.0;
  std::uint64_t head_seen_ = 0;
};

}  // namespace sluice::policy::test
