// SPDX-License-Identifier: Apache-2.0
#include "sim/fleet/run.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "sim/core/draw.hpp"
#include "sim/core/statistics.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint64_t kArrivals = 1;
constexpr std::uint64_t kCalls = 2;
constexpr std::uint64_t kWorkers = 3;
/// Shadows have numbers of their own, so that a node's luck with them is another.
constexpr std::uint64_t kShadow = std::uint64_t{1} << 40;

/// One run: draws calls, hands them to the router, measures.
class Play {
 public:
  Play(const Workload& workload, const MakeRouter& policy, const Deployment& deployment,
       std::uint64_t seed)
      : workload_(workload),
        seed_(seed),
        workers_(deployment.proxies * deployment.workers),
        arrivals_(derived(seed, kArrivals)) {
    for (std::uint32_t i = 0; i < workload.upstreams.size(); ++i) {
      nodes_.push_back(std::make_unique<UpstreamModel>(engine_, i, seed, workload.upstreams[i]));
    }
    router_ = policy({engine_, nodes_, seed, deployment});
  }

  Outcome run() {
    outcome_.answers.reserve(workload_.calls);
    outcome_.sent.reserve(workload_.calls);
    if (workload_.script) workload_.script(engine_, nodes_, seed_);
    if (workload_.rate > 0) {
      arrive_in_time();
    } else {
      for (std::uint32_t i = 0; i < workload_.concurrency; ++i) begin();
    }
    // What is not answered a minute after the last arrival never is.
    TimePoint last{};
    while (open_ > 0 || begun_ < workload_.calls) {
      if (begun_ == workload_.calls && last == TimePoint{}) last = engine_.now();
      if (last != TimePoint{} && engine_.now() - last > 60s) break;
      engine_.run_for(100ms);
    }
    outcome_.unanswered = open_;
    outcome_.busy_s = seconds(last_answer_ - counted_from_);
    return std::move(outcome_);
  }

 private:
  struct Flight {
    Call call;
    TimePoint at;
    std::uint32_t worker = 0;
    bool counts = false;
  };

  void arrive_in_time() {
    engine_.after(from_seconds(exponential(arrivals_) / workload_.rate), [this] {
      begin();
      if (begun_ < workload_.calls) arrive_in_time();
    });
  }

  void begin() {
    if (begun_ == workload_.calls) return;
    Flight flight{.call = {}, .at = engine_.now()};
    flight.call.number = begun_++;
    Random own = derived(seed_, kCalls, flight.call.number);
    workload_.draw(flight.call, own);
    const bool shadowed = workload_.shadow_share > 0 && own.uniform() < workload_.shadow_share;
    flight.worker =
        static_cast<std::uint32_t>(derived(seed_, kWorkers, flight.call.number).below(workers_));
    flight.counts = static_cast<double>(flight.call.number) >=
                    workload_.warm_up * static_cast<double>(workload_.calls);
    if (flight.counts && counted_from_ == TimePoint{}) counted_from_ = flight.at;
    ++open_;
    const Call& call = flight.call;
    router_->route(call, flight.worker, [this, flight, shadowed](std::uint32_t upstream) {
      outcome_.sent.push_back(
          {static_cast<float>(seconds(engine_.elapsed())), static_cast<std::uint16_t>(upstream)});
      send(flight, upstream);
      if (shadowed) send_shadows(flight, upstream);
    });
  }

  void send(const Flight& flight, std::uint32_t upstream) {
    const std::uint64_t handle = router_->started(flight.call, flight.worker, upstream);
    nodes_[upstream]->send(flight.call.number, flight.call.method, flight.call.service_s,
                           [this, flight, upstream, handle](Reply reply) {
                             router_->ended(handle, flight.call, flight.worker, upstream, reply);
                             answered(flight, upstream, reply);
                           });
  }

  void send_shadows(const Flight& flight, std::uint32_t chosen) {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (i == chosen || (flight.call.among & policy::bit_of(i)) == 0) continue;
      Flight shadow = flight;
      shadow.call.number += kShadow * (i + 1);
      Random own = derived(seed_, kCalls, shadow.call.number);
      workload_.draw(shadow.call, own);
      const std::uint64_t handle = router_->started(shadow.call, shadow.worker, i);
      nodes_[i]->send(shadow.call.number, shadow.call.method, shadow.call.service_s,
                      [this, shadow, i, handle](Reply reply) {
                        router_->ended(handle, shadow.call, shadow.worker, i, reply);
                      });
    }
  }

  void answered(const Flight& flight, std::uint32_t upstream, Reply reply) {
    --open_;
    last_answer_ = engine_.now();
    if (flight.counts) {
      outcome_.answers.push_back({static_cast<float>(seconds(engine_.now() - flight.at)),
                                  static_cast<std::uint16_t>(flight.call.method),
                                  static_cast<std::uint16_t>(upstream), reply == Reply::kOk});
    }
    if (workload_.rate <= 0) begin();
  }

  const Workload& workload_;
  std::uint64_t seed_;
  std::uint32_t workers_;
  Engine engine_;
  Nodes nodes_;
  std::unique_ptr<Router> router_;
  Random arrivals_;
  Outcome outcome_;
  std::uint64_t begun_ = 0;
  std::uint64_t open_ = 0;
  TimePoint counted_from_{};
  TimePoint last_answer_{};
};

}  // namespace

double Outcome::quantile_s(double q) const {
  std::vector<double> took;
  took.reserve(answers.size());
  for (const Answer& each : answers) took.push_back(static_cast<double>(each.took_s));
  return quantile(took, q);
}

double Outcome::quantile_s(double q, std::uint32_t method) const {
  std::vector<double> took;
  for (const Answer& each : answers) {
    if (each.method == method) took.push_back(static_cast<double>(each.took_s));
  }
  return quantile(took, q);
}

double Outcome::mean_s() const {
  double sum = 0;
  for (const Answer& each : answers) sum += static_cast<double>(each.took_s);
  return answers.empty() ? 0 : sum / static_cast<double>(answers.size());
}

double Outcome::goodput() const {
  const auto good = std::ranges::count_if(answers, &Answer::good);
  return busy_s > 0 ? static_cast<double>(good) / busy_s : 0;
}

double Outcome::share_of(std::uint32_t upstream, double from_s, double until_s) const {
  double all = 0;
  double its = 0;
  for (const Sent& each : sent) {
    const auto at = static_cast<double>(each.at_s);
    if (at < from_s || at >= until_s) continue;
    all += 1;
    if (each.upstream == upstream) its += 1;
  }
  return all > 0 ? its / all : 0;
}

Outcome play(const Workload& workload, const MakeRouter& policy, const Deployment& deployment,
             std::uint64_t seed) {
  return Play(workload, policy, deployment, seed).run();
}

}  // namespace sluice::sim
