// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "policy/balance/balancer.hpp"
#include "policy/latency_histogram.hpp"
#include "support/catch.hpp"
#include "unit/policy/balance_support.hpp"

namespace sluice::policy {

using namespace test;

namespace {

// Short rounds, of which the best counts: a round that was preempted says nothing.
template <class Body>
double best_ns(std::size_t per_round, Body body) {
  double best = HUGE_VAL;
  for (int round = 0; round < 400; ++round) {
    const TimePoint start = now();
    for (std::size_t i = 0; i < per_round; ++i) body(i);
    best = std::min(best, seconds(now() - start) / static_cast<double>(per_round) * 1e9);
  }
  return best;
}

/// Many different sets in turn, so that the branch predictor cannot learn the answers.
std::vector<std::vector<Candidate>> sets_of(std::uint32_t n, UpstreamStats* stats, Random& random) {
  std::vector<std::vector<Candidate>> sets(257, equal(n));
  for (auto& set : sets) {
    for (auto& c : set) {
      c.weight = static_cast<double>(1 + c.index % 3);
      c.latency_s = 0.02 + 0.02 * random.uniform();
      c.in_flight = static_cast<std::uint32_t>(random.below(8));
      c.capacity = 8;
      c.stats = &stats[c.index];
    }
  }
  return sets;
}

PickContext context_at(TimePoint moment, std::size_t i) {
  return {.now = moment,
          .method_class = static_cast<std::uint32_t>(i % 6),
          .affinity_hash = i * 0x9e3779b97f4a7c15ULL + 1,
          .features = {.log_params = static_cast<float>(i % 7), .log_span = 2.0F}};
}

/// Calls of all classes on all upstreams, some of which stay in flight.
void warm_up(Balancer& balancer, std::uint32_t n, UpstreamStats* stats, Random& random) {
  for (std::size_t i = 0; i < 20'000; ++i) {
    const PickContext context = context_at(at(i * 50us), i);
    const auto index = static_cast<std::uint32_t>(random.below(n));
    const Ticket ticket = balancer.started(index, &stats[index], context);
    if (i % 500 == 0) continue;
    const Duration took = std::chrono::microseconds(5000 + random.below(5000));
    balancer.finished(ticket, Ended::kOk, context.now + took, took);
  }
}

}  // namespace

// Hidden; run it in a Release build: unit_policy "[pick-cost]"
TEST_CASE("pick cost", "[.][pick-cost]") {
  for (const auto name : test::kStrategies) {
    for (const std::uint32_t n : {2U, 8U, 64U}) {
      Random random(1);
      auto balancer = make_balancer(name, 64);
      const auto stats = std::make_unique<UpstreamStats[]>(n);
      warm_up(*balancer, n, stats.get(), random);
      const auto sets = sets_of(n, stats.get(), random);
      std::uint64_t sum = 0;
      const double pick = best_ns(5'000, [&](std::size_t i) {
        sum += *balancer->pick(sets[i % sets.size()], context_at(at(1100ms), i), random);
      });
      const double attempt = best_ns(5'000, [&](std::size_t i) {
        const PickContext context = context_at(at(1100ms + i * 10us), i);
        const auto index = static_cast<std::uint32_t>(i) % n;
        const Ticket ticket = balancer->started(index, &stats[index], context);
        balancer->finished(ticket, Ended::kOk, context.now + 5ms, 5ms);
      });
      WARN(name << " at " << n << ": " << pick << " ns per pick, " << attempt
                << " ns for the ticket (" << sum % 2 << ")");
      CHECK(pick < (n <= 8 ? 100 : 250));
    }
  }
}

// Hidden, as the one above: unit_policy "[record-cost]"
TEST_CASE("the cost of recording a response time", "[.][record-cost]") {
  Random random(1);
  std::vector<Duration> times(1021);
  for (Duration& each : times) each = std::chrono::microseconds(200 + random.below(50'000));
  LatencyHistogram histogram;
  const double record =
      best_ns(20'000, [&](std::size_t i) { histogram.record(times[i % times.size()]); });
  WARN(record << " ns per record");
  CHECK(record < 5);
}

}  // namespace sluice::policy
