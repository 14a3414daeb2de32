// SPDX-License-Identifier: Apache-2.0
#include "sim/fleet/rehearsal.hpp"

#include <array>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "policy/balance/strategies.hpp"
#include "sim/fleet/run.hpp"
#include "sim/fleet/workloads.hpp"

namespace sluice::sim {

namespace {

struct Named {
  std::string_view name;
  Workload (*make)(double load, std::uint64_t calls);
};

/// Those whose nodes can be had outside of the simulator: no script, no shadows.
constexpr std::array kWorkloads{
    Named{"equal", equal_upstreams},
    Named{"speeds", mixed_speeds},
    Named{"slow", one_slow},
    Named{"mix", method_mix},
};

struct Arrival {
  double due_s;
  Call call;
};

/// Notes when each call came, and leaves the rest to another.
class Recorder final : public Router {
 public:
  Recorder(const Surroundings& around, std::unique_ptr<Router> inner, std::vector<Arrival>& to)
      : engine_(around.engine), inner_(std::move(inner)), to_(to) {}

  void route(const Call& call, std::uint32_t worker, Send send) override {
    to_.push_back({seconds(engine_.elapsed()), call});
    inner_->route(call, worker, std::move(send));
  }
  std::uint64_t started(const Call& call, std::uint32_t worker, std::uint32_t upstream) override {
    return inner_->started(call, worker, upstream);
  }
  void ended(std::uint64_t handle, const Call& call, std::uint32_t worker, std::uint32_t upstream,
             Reply reply) override {
    inner_->ended(handle, call, worker, upstream, reply);
  }

 private:
  Engine& engine_;
  std::unique_ptr<Router> inner_;
  std::vector<Arrival>& to_;
};

void print_nodes(const Workload& workload) {
  std::string out;
  for (const UpstreamOptions& each : workload.upstreams) {
    fmt::format_to(std::back_inserter(out), R"({}{{"workers":{},"slowness":[)",
                   out.empty() ? "" : ",", each.workers);
    for (std::uint32_t method = 0; method < kMixMethods; ++method) {
      const double own = each.slowness_by_method.empty() ? 1.0 : each.slowness_by_method[method];
      fmt::format_to(std::back_inserter(out), "{}{}", method == 0 ? "" : ",", each.slowness * own);
    }
    out += "]}";
  }
  fmt::print("\"nodes\":[{}],\n", out);
}

void print_calls(const std::vector<Arrival>& arrivals) {
  const char* separator = "";
  fmt::print("\"calls\":[");
  for (const auto& [due_s, call] : arrivals) {
    fmt::print("{}\n[{:.0f},{},{:.0f},{:.3f},{:.3f},{}]", separator, due_s * 1e6, call.method,
               call.service_s * 1e6, call.features.log_params, call.features.log_span,
               call.features.historical ? 1 : 0);
    separator = ",";
  }
  fmt::print("]\n");
}

Workload scaled(Workload workload, double scale) {
  workload.rate /= scale;
  workload.draw = [scale, draw = std::move(workload.draw)](Call& call, Random& random) {
    draw(call, random);
    call.service_s *= scale;
  };
  return workload;
}

int usage() {
  std::string names;
  for (const Named& each : kWorkloads) names.append(" ").append(each.name);
  fmt::print(stderr,
             "usage: sluice_sim rehearse WORKLOAD LOAD CALLS SEED WORKERS SCALE STRATEGY...\n"
             "workloads:{}\n",
             names);
  return 2;
}

}  // namespace

int rehearse(std::span<char*> arguments) {
  if (arguments.size() < 7) return usage();
  const Named* named = nullptr;
  for (const Named& each : kWorkloads) {
    if (each.name == arguments[0]) named = &each;
  }
  const double load = std::strtod(arguments[1], nullptr);
  const std::uint64_t calls = std::strtoull(arguments[2], nullptr, 10);
  const std::uint64_t seed = std::strtoull(arguments[3], nullptr, 10);
  const auto workers = static_cast<std::uint32_t>(std::strtoul(arguments[4], nullptr, 10));
  const double scale = std::strtod(arguments[5], nullptr);
  if (named == nullptr || load <= 0 || calls == 0 || workers == 0 || scale <= 0) return usage();
  for (const char* name : arguments.subspan(6)) {
    if (policy::make_balancer(name, 1) == nullptr) return usage();
  }

  const Workload workload = scaled(named->make(load, calls), scale);
  std::vector<Arrival> arrivals;
  fmt::print("{{\"rate\":{:.3f},\"warm_up\":{},\"strategies\":{{", workload.rate, workload.warm_up);
  const char* separator = "";
  for (const char* name : arguments.subspan(6)) {
    const Contestant inner = strategy(name);
    arrivals.clear();
    const Outcome outcome = play(
        workload,
        [&](const Surroundings& around) {
          return std::make_unique<Recorder>(around, inner.make(around), arrivals);
        },
        {.proxies = 1, .workers = workers}, seed);
    fmt::print("{}\n\"{}\":{{\"mean_ms\":{:.4f},\"p50_ms\":{:.4f},\"p99_ms\":{:.4f}}}", separator,
               name, outcome.mean_s() * 1e3, outcome.quantile_s(0.5) * 1e3,
               outcome.quantile_s(0.99) * 1e3);
    separator = ",";
  }
  fmt::print("}},\n");
  print_nodes(workload);
  print_calls(arrivals);
  fmt::print("}}\n");
  return 0;
}

}  // namespace sluice::sim
