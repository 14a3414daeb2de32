// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <limits>
#include <utility>

#include "sim/core/draw.hpp"
#include "sim/fleet/router.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint64_t kPickers = 4;

/// What the proxy does around a strategy.
class StrategyRouter final : public Router {
 public:
  StrategyRouter(const Surroundings& around, const std::string& name, bool told)
      : around_(around), workers_of_proxy_(around.deployment.workers), told_speeds_(told) {
    const std::size_t upstreams = around.nodes.size();
    for (std::uint32_t p = 0; p < around.deployment.proxies; ++p) {
      Proxy proxy;
      proxy.stats = std::make_unique<policy::UpstreamStats[]>(upstreams);
      proxy.in_flight.assign(upstreams, 0);
      proxy.latency_s.assign(upstreams, 0.0);
      proxies_.push_back(std::move(proxy));
      for (std::uint32_t w = 0; w < workers_of_proxy_; ++w) {
        workers_.push_back({policy::make_balancer(name, upstreams),
                            derived(around.seed, kPickers, workers_.size())});
      }
    }
  }

  void route(const Call& call, std::uint32_t worker, Send send) override {
    Proxy& proxy = proxies_[worker / workers_of_proxy_];
    std::array<policy::Candidate, policy::kUpstreamsMax> candidates;
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < around_.nodes.size(); ++i) {
      if ((call.among & policy::bit_of(i)) == 0) continue;
      candidates[count++] = {
          .index = i,
          .weight = told_speeds_ ? 1 / around_.nodes[i]->options().slowness : 1.0,
          .in_flight = proxy.in_flight[i],
          .latency_s = proxy.latency_s[i],
          .stats = &proxy.stats[i]};
    }
    const auto at = workers_[worker].balancer->pick({candidates.data(), count}, context_of(call),
                                                    workers_[worker].random);
    send(candidates[*at].index);
  }

  std::uint64_t started(const Call& call, std::uint32_t worker, std::uint32_t upstream) override {
    Proxy& proxy = proxies_[worker / workers_of_proxy_];
    ++proxy.in_flight[upstream];
    std::uint64_t handle = open_.size();
    if (free_.empty()) {
      open_.emplace_back();
    } else {
      handle = free_.back();
      free_.pop_back();
    }
    open_[handle] = {
        workers_[worker].balancer->started(upstream, &proxy.stats[upstream], context_of(call)),
        around_.engine.now()};
    return handle;
  }

  void ended(std::uint64_t handle, const Call& /*call*/, std::uint32_t worker,
             std::uint32_t upstream, Reply reply) override {
    Proxy& proxy = proxies_[worker / workers_of_proxy_];
    --proxy.in_flight[upstream];
    const auto ended = reply == Reply::kOk          ? policy::Ended::kOk
                       : reply == Reply::kThrottled ? policy::Ended::kThrottled
                                                    : policy::Ended::kError;
    const TimePoint now = around_.engine.now();
    workers_[worker].balancer->finished(open_[handle].ticket, ended, now, now - open_[handle].at);
    if (reply == Reply::kOk) {
      const double took = seconds(around_.engine.now() - open_[handle].at);
      double& mean = proxy.latency_s[upstream];
      mean = mean > 0 ? mean + (took - mean) / 16 : took;
    }
    free_.push_back(handle);
  }

 private:
  /// What the workers of one proxy share.
  struct Proxy {
    std::unique_ptr<policy::UpstreamStats[]> stats;
    std::vector<std::uint32_t> in_flight;
    std::vector<double> latency_s;
  };
  struct Worker {
    std::unique_ptr<policy::Balancer> balancer;
    Random random;
  };
  struct Open {
    policy::Ticket ticket;
    TimePoint at;
  };

  [[nodiscard]] policy::PickContext context_of(const Call& call) const {
    return {.now = around_.engine.now(),
            .method_class = call.method,
            .affinity_hash = call.affinity,
            .features = call.features};
  }

  Surroundings around_;
  std::uint32_t workers_of_proxy_;
  bool told_speeds_;
  std::vector<Proxy> proxies_;
  std::vector<Worker> workers_;
  std::vector<Open> open_;
  std::vector<std::uint64_t> free_;
};

class Clairvoyant final : public Router {
 public:
  explicit Clairvoyant(const Surroundings& around)
      : around_(around), random_(derived(around.seed, kPickers)) {}

  void route(const Call& call, std::uint32_t /*worker*/, Send send) override {
    double best = std::numeric_limits<double>::infinity();
    std::uint32_t chosen = 0;
    // From a random place on: the first of equals is another one each time.
    const auto size = static_cast<std::uint32_t>(around_.nodes.size());
    const auto first = static_cast<std::uint32_t>(random_.below(size));
    for (std::uint32_t step = 0; step < size; ++step) {
      const std::uint32_t i = (first + step) % size;
      if ((call.among & policy::bit_of(i)) == 0) continue;
      const double finish = around_.nodes[i]->finish_in_s(call.method, call.service_s);
      if (finish < best) {
        best = finish;
        chosen = i;
      }
    }
    send(chosen);
  }
  std::uint64_t started(const Call&, std::uint32_t, std::uint32_t) override { return 0; }
  void ended(std::uint64_t, const Call&, std::uint32_t, std::uint32_t, Reply) override {}

 private:
  Surroundings around_;
  Random random_;
};

}  // namespace

Contestant strategy(std::string_view name) {
  return {std::string(name), [name = std::string(name)](const Surroundings& around) {
            return std::make_unique<StrategyRouter>(around, name, false);
          }};
}

Contestant random_by_speed() {
  return {"random by speed", [](const Surroundings& around) {
            return std::make_unique<StrategyRouter>(around, "random", true);
          }};
}

Contestant clairvoyant() {
  return {"clairvoyant",
          [](const Surroundings& around) { return std::make_unique<Clairvoyant>(around); }};
}

}  // namespace sluice::sim
