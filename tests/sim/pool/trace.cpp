// SPDX-License-Identifier: Apache-2.0
#include "sim/pool/trace.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <queue>

#include "sim/core/draw.hpp"

namespace sluice::sim::pool {

namespace {

Load step(std::string name, double low, double high, double scale) {
  const double begin = 60 * scale;
  const double end = 360 * scale;
  return {.name = std::move(name),
          .length_s = 540 * scale,
          .step_s = begin,
          .step_end_s = end,
          .most = high,
          .at = [=](double t) { return t >= begin && t < end ? high : low; }};
}

}  // namespace

std::vector<Load> loads(double scale) {
  std::vector<Load> all;
  all.push_back(step("x2", 16, 32, scale));
  all.push_back(step("x10", 6, 60, scale));
  all.push_back(step("x50", 2, 100, scale));
  const double day = 1200 * scale;
  all.push_back({.name = "day", .length_s = day, .most = 64, .at = [=](double t) {
                   return 34 - 30 * std::cos(2 * std::numbers::pi * t / day);
                 }});
  all.push_back({.name = "bursts", .length_s = 300 * scale, .most = 40, .at = [](double t) {
                   return std::fmod(t, 20) < 10 ? 2.0 : 40.0;
                 }});
  return all;
}

std::vector<Arrival> make_trace(std::uint64_t seed, const Load& load, Duration rtt,
                                double service_s, std::uint32_t workers) {
  constexpr double kSigma = 1.0;
  const double median = service_s / std::exp(kSigma * kSigma / 2);
  const double occupancy = seconds(rtt) + service_s;
  Random random = derived(seed, 11, workers);
  std::vector<Arrival> trace;
  trace.reserve(static_cast<std::size_t>(load.most * load.length_s / occupancy));
  // Thinning: drawn at the highest rate, kept by the share of the present one.
  double t = 0;
  while ((t += exponential(random) * occupancy / load.most) < load.length_s) {
    const bool kept = random.uniform() * load.most < load.at(t);
    const double service = median * lognormal(random, kSigma);
    const auto worker = static_cast<std::uint32_t>(random.below(workers));
    if (!kept) continue;
    trace.push_back({static_cast<std::int64_t>(t * 1e9),
                     rtt.count() + static_cast<std::int64_t>(service * 1e9), worker});
  }
  return trace;
}

Outcome clairvoyant(const std::vector<Arrival>& trace, const Load& load, Duration handshake,
                    Duration worth, std::uint32_t workers) {
  const auto end_ns = static_cast<std::int64_t>(load.length_s * 1e9);
  Outcome outcome;
  for (std::uint32_t w = 0; w < workers; ++w) {
    // Idle ones by when they became idle: the one used last is used first.
    std::vector<std::int64_t> idle_since;
    std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> busy_until;
    double open_now = 0;
    for (const Arrival& call : trace) {
      if (call.worker != w) continue;
      while (!busy_until.empty() && busy_until.top() <= call.at_ns) {
        idle_since.push_back(busy_until.top());
        busy_until.pop();
      }
      outcome.calls += 1;
      const std::int64_t until = std::min(call.at_ns + call.busy_ns, end_ns);
      outcome.connection_s += static_cast<double>(until - call.at_ns) * 1e-9;
      if (!idle_since.empty() && call.at_ns - idle_since.back() < worth.count()) {
        outcome.connection_s += static_cast<double>(call.at_ns - idle_since.back()) * 1e-9;
        idle_since.pop_back();
      } else {
        outcome.handshakes += 1;
        outcome.connection_s += seconds(handshake);
      }
      busy_until.push(call.at_ns + call.busy_ns);
      open_now = std::max(open_now, static_cast<double>(busy_until.size()));
    }
    outcome.most_open += open_now;
  }
  return outcome;
}

}  // namespace sluice::sim::pool
