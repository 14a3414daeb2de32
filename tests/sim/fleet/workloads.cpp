// SPDX-License-Identifier: Apache-2.0
#include "sim/fleet/workloads.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "sim/core/draw.hpp"

namespace sluice::sim {

namespace {

constexpr double kServiceMean = 0.020;
constexpr std::uint32_t kWorkers = 4;
constexpr Duration kNetwork = 200us;

/// Lognormal of sigma 1 and that mean.
void draw_lognormal(Call& call, Random& random) {
  call.service_s = kServiceMean * std::exp(-0.5) * lognormal(random, 1.0);
}

UpstreamOptions node(double slowness) {
  return {.workers = kWorkers, .network_delay = kNetwork, .slowness = slowness};
}

/// What the upstreams can do, in calls of mean `service_s` a second.
double capacity(const std::vector<UpstreamOptions>& upstreams, double service_s) {
  double sum = 0;
  for (const auto& each : upstreams) sum += each.workers / (each.slowness * service_s);
  return sum;
}

Workload lognormal_calls(std::vector<UpstreamOptions> upstreams, double load, std::uint64_t calls) {
  Workload work{.upstreams = std::move(upstreams), .calls = calls, .draw = draw_lognormal};
  work.rate = load * capacity(work.upstreams, kServiceMean);
  return work;
}

std::vector<UpstreamOptions> equal_nodes(std::size_t count) {
  return std::vector<UpstreamOptions>(count, node(1.0));
}

/// How much slower each is at its weak method.
constexpr double kMixSlow = 6.0;

struct MixMethod {
  const char* name;
  double share;
  double median_s;
  double sigma;
};
constexpr std::array<MixMethod, kMixMethods> kMix{{
    {"eth_chainId", 0.50, 0.0002, 0.3},
    {"eth_call", 0.40, 0.003, 0.8},
    {"eth_getLogs", 0.085, 0.080, 0.5},
    {"debug_trace", 0.015, 0.500, 0.7},
}};

/// The part of a logarithm of the service time that a call's visible size explains.
constexpr double kSpanSigma = 1.0;
constexpr double kParamsSigma = 0.5;

void draw_mix(Call& call, Random& random) {
  double left = random.uniform();
  std::uint32_t method = 0;
  while (method + 1 < kMixMethods && left >= kMix[method].share) left -= kMix[method++].share;
  const MixMethod& of = kMix[method];
  call.method = method;
  double log_s = std::log(of.median_s) + of.sigma * normal(random);
  const double size = normal(random);
  const double age = random.uniform();
  call.features.log_params = 5.0F;
  if (method == 1) {
    // Larger calldata runs longer, and old state is read from disk.
    call.features.log_params = static_cast<float>(6.0 + 1.0 * size);
    call.features.historical = age < 0.1;
    log_s += kParamsSigma * size + (call.features.historical ? 0.7 : 0.0);
  } else if (method == 2) {
    // Twice the blocks take not quite twice the time.
    call.features.log_span = static_cast<float>(std::max(0.0, 4.0 + 1.25 * size));
    log_s += 0.8 * (static_cast<double>(call.features.log_span) - 4.0) * kSpanSigma;
  } else if (method == 3) {
    call.features.log_params = static_cast<float>(5.0 + 0.5 * size);
    call.features.historical = age < 0.5;
    log_s += call.features.historical ? 0.5 : -0.5;
  }
  call.service_s = std::exp(log_s);
}

/// By trying, as the sizes are cut at zero.
double mix_mean_s() {
  static const double mean = [] {
    double sum = 0;
    for (std::uint64_t i = 0; i < 400'000; ++i) {
      Random own = derived(4711, i);
      Call call;
      draw_mix(call, own);
      sum += call.service_s;
    }
    return sum / 400'000;
  }();
  return mean;
}

}  // namespace

const char* mix_method(std::uint32_t method) {
  return kMix[method].name;
}

Workload equal_upstreams(double load, std::uint64_t calls) {
  return lognormal_calls(equal_nodes(8), load, calls);
}

Workload mixed_speeds(double load, std::uint64_t calls) {
  std::vector<UpstreamOptions> upstreams;
  for (const double speed : {1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 10.0})
    upstreams.push_back(node(10.0 / speed));
  return lognormal_calls(std::move(upstreams), load, calls);
}

Workload one_slow(double load, std::uint64_t calls) {
  auto upstreams = equal_nodes(10);
  upstreams[3].slowness = 10.0;
  return lognormal_calls(std::move(upstreams), load, calls);
}

Workload closed_loop(std::uint64_t calls) {
  std::vector<UpstreamOptions> upstreams;
  for (const double ms : {1.0, 10.0, 10.0, 10.0, 10.0, 100.0, 100.0, 100.0, 100.0, 1000.0})
    upstreams.push_back({.workers = 1000, .slowness = ms * 1e-3});
  return {.upstreams = std::move(upstreams),
          .concurrency = 50,
          .calls = calls,
          .warm_up = 0.0,
          .draw = [](Call& call, Random& random) { call.service_s = open_uniform(random); }};
}

Workload restless(double load, Duration period, std::uint64_t calls) {
  constexpr double kMean = 0.004;
  constexpr double kRange = 5.0;
  constexpr double kLeast = kMean * 2 / (1 + kRange);
  Workload work{.upstreams = std::vector<UpstreamOptions>(
                    50, {.workers = 4, .network_delay = 2ms, .slowness = kMean}),
                .calls = calls,
                .shadow_share = 0.1};
  work.draw = [](Call& call, Random& random) {
    const auto first = random.below(50);
    call.among =
        policy::bit_of(first) | policy::bit_of((first + 1) % 50) | policy::bit_of((first + 2) % 50);
    call.service_s = exponential(random);
  };
  // Shadows are a load too: 2 more for a tenth.
  work.rate = load * capacity(work.upstreams, 1.0) / 1.2;
  work.script = [period](Engine& engine, Nodes& nodes, std::uint64_t seed) {
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
      auto luck = std::make_shared<Random>(derived(seed, 77, i));
      auto redraw = [&node = *nodes[i], luck] {
        node.set_slowness(kLeast * (1 + (kRange - 1) * luck->uniform()));
      };
      redraw();
      // Exponential intervals, one after the other.
      auto next = std::make_shared<std::function<void()>>();
      *next = [&engine, period, luck, redraw, weak = std::weak_ptr(next)] {
        engine.after(from_seconds(exponential(*luck) * seconds(period)),
                     [redraw, next = weak.lock()] {
                       redraw();
                       (*next)();
                     });
      };
      (*next)();
    }
  };
  return work;
}

Workload stalling(double load, std::uint64_t calls) {
  Workload work = lognormal_calls(equal_nodes(8), load, calls);
  work.script = [](Engine& engine, Nodes& nodes, std::uint64_t) {
    auto stall = [&engine, &node = *nodes[2]] {
      Faults faults = node.faults();
      faults.stalled_until = engine.now() + 2s;
      node.set(faults);
      return true;
    };
    engine.after(5s, [&engine, stall] {
      stall();
      engine.every(30s, stall);
    });
  };
  return work;
}

Workload method_mix(double load, std::uint64_t calls) {
  Workload work{.calls = calls, .draw = draw_mix};
  for (std::uint32_t i = 0; i < 8; ++i) {
    UpstreamOptions options = node(1.0);
    options.slowness_by_method.assign(kMixMethods, 1.0);
    options.slowness_by_method[i % kMixMethods] = kMixSlow;
    work.upstreams.push_back(std::move(options));
  }
  // Of what they can do if calls are sent without regard to who is slow at what.
  work.rate = load * capacity(work.upstreams, mix_mean_s() * (1 + (kMixSlow - 1) / kMixMethods));
  return work;
}

Workload sink_hole(double load, std::uint64_t calls) {
  Workload work = lognormal_calls(equal_nodes(8), load, calls);
  work.script = [](Engine& engine, Nodes& nodes, std::uint64_t) {
    engine.after(10s, [&node = *nodes[5]] {
      Faults faults;
      faults.error_share = 0.5;
      faults.error_time = 200us;
      node.set(faults);
    });
  };
  return work;
}

}  // namespace sluice::sim
