// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "sim/core/draw.hpp"
#include "sim/fleet/router.hpp"

namespace sluice::sim {

namespace {

// The parameters of the authors' simulator; times in milliseconds as there.
constexpr double kNew = 0.9;  // weight of the latest report
constexpr double kExponent = 3.0;
constexpr double kCubicC = 0.000004;
constexpr double kCubicBeta = 0.2;
constexpr double kCubicSmax = 10.0;
constexpr double kRateInterval = 20.0;
constexpr double kHysteresis = 2.0;
constexpr double kTokensMax = 10.0;
constexpr double kRateLeast = 0.01;

/// What one client knows and allows itself of one server.
struct Server {
  double pending = 0;
  bool known = false;
  double network_ms = 0;
  double service_ms = 0;
  double queue = 0;
  // Sends at most `rate` per interval.
  double rate = kTokensMax;
  double tokens = kTokensMax;
  double touched_ms = 0;
  double received = 0;
  double receive_rate = 0;
  double decreased_ms = 0;
  double increased_ms = 0;
  double rate_before_decrease = kTokensMax;
};

class C3 final : public Router {
 public:
  C3(const Surroundings& around, bool limits)
      : around_(around), random_(derived(around.seed, 5)), limits_(limits) {
    for (std::uint32_t p = 0; p < around.deployment.proxies; ++p) {
      clients_.push_back({std::vector<Server>(around.nodes.size()), {}, {}});
    }
    around_.engine.every(from_seconds(kRateInterval * 1e-3), [this] {
      for (Client& client : clients_) {
        for (Server& server : client.servers)
          server.receive_rate =
              0.1 * std::exchange(server.received, 0.0) + 0.9 * server.receive_rate;
      }
      return true;
    });
  }

  void route(const Call& call, std::uint32_t worker, Send send) override {
    Client& client = clients_[client_of(worker)];
    // One backlog per replica group, which is the set of servers that may have the call.
    auto& backlog = backlog_of(client, call.among);
    backlog.waiting.push_back(std::move(send));
    if (backlog.waiting.size() == 1) drain(client, backlog);
  }

  std::uint64_t started(const Call& call, std::uint32_t worker, std::uint32_t upstream) override {
    Server& server = clients_[client_of(worker)].servers[upstream];
    server.pending += 1;
    // A shadow takes a token too, down to none; the backlog has taken the call's own.
    if (call.number >> 40 != 0) server.tokens = std::max(server.tokens - 1, 0.0);
    std::uint64_t handle = sent_ms_.size();
    if (free_.empty()) {
      sent_ms_.push_back(0);
    } else {
      handle = free_.back();
      free_.pop_back();
    }
    sent_ms_[handle] = now_ms();
    return handle;
  }

  void ended(std::uint64_t handle, const Call& call, std::uint32_t worker, std::uint32_t upstream,
             Reply /*reply*/) override {
    Server& server = clients_[client_of(worker)].servers[upstream];
    const double response = now_ms() - sent_ms_[handle];
    free_.push_back(handle);
    server.pending -= 1;
    const UpstreamModel& node = *around_.nodes[upstream];
    // The server's report; its slowness may have changed since the call was done, which is seldom.
    const double service = std::min(response, node.time_of(call.method, call.service_s) * 1e3);
    const double weight = std::exchange(server.known, true) ? kNew : 1.0;
    server.service_ms += weight * (service - server.service_ms);
    server.network_ms += weight * (response - service - server.network_ms);
    server.queue += weight * (static_cast<double>(node.waiting()) - server.queue);
    server.received += 1;
    adapt(server);
  }

 private:
  struct Backlog {
    policy::UpstreamSet among = 0;
    std::deque<Send> waiting;
  };
  struct Client {
    std::vector<Server> servers;
    std::vector<std::unique_ptr<Backlog>> backlogs;
    std::vector<std::uint32_t> order;
  };

  [[nodiscard]] std::uint32_t client_of(std::uint32_t worker) const {
    return worker / around_.deployment.workers;
  }
  [[nodiscard]] double now_ms() const { return seconds(around_.engine.elapsed()) * 1e3; }

  Backlog& backlog_of(Client& client, policy::UpstreamSet among) {
    for (const auto& each : client.backlogs) {
      if (each->among == among) return *each;
    }
    client.backlogs.push_back(std::make_unique<Backlog>());
    client.backlogs.back()->among = among;
    return *client.backlogs.back();
  }

  [[nodiscard]] double score(const Server& server) const {
    if (!server.known) return 0;
    const double queue = 1 + server.pending * static_cast<double>(clients_.size()) + server.queue;
    return server.network_ms + std::pow(queue, kExponent) * server.service_ms;
  }

  void drain(Client& client, Backlog& backlog) {
    while (!backlog.waiting.empty()) {
      double wait_ms = 1e10;
      const auto chosen = first_with_token(client, backlog.among, wait_ms);
      if (!chosen) {
        around_.engine.after(from_seconds(wait_ms * 1e-3),
                             [this, &client, &backlog] { drain(client, backlog); });
        return;
      }
      Server& server = client.servers[*chosen];
      server.touched_ms = now_ms();
      server.tokens -= 1;
      Send send = std::move(backlog.waiting.front());
      send(*chosen);
      backlog.waiting.pop_front();
    }
  }

  /// In the order of the scores, equals in a random one.
  std::optional<std::uint32_t> first_with_token(Client& client, policy::UpstreamSet among,
                                                double& wait_ms) {
    auto& order = client.order;
    order.clear();
    for (std::uint32_t i = 0; i < client.servers.size(); ++i) {
      if ((among & policy::bit_of(i)) != 0) order.push_back(i);
    }
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
    // By insertion, which keeps equals in their order; there are few.
    for (std::size_t i = 1; i < order.size(); ++i) {
      for (std::size_t k = i;
           k > 0 && score(client.servers[order[k]]) < score(client.servers[order[k - 1]]); --k) {
        std::swap(order[k], order[k - 1]);
      }
    }
    for (const std::uint32_t i : order) {
      Server& server = client.servers[i];
      const double tokens = std::min(
          kTokensMax, server.tokens + server.rate / kRateInterval * (now_ms() - server.touched_ms));
      // A hair's breadth for what rounding the wait to nanoseconds leaves out.
      if (!limits_ || tokens >= 1 - 1e-5) {
        server.tokens = tokens;
        return i;
      }
      wait_ms = std::min(wait_ms, (1 - tokens) * kRateInterval / server.rate);
    }
    wait_ms = std::max(wait_ms, 1e-3);
    return std::nullopt;
  }

  void adapt(Server& server) const {
    if (server.rate < server.receive_rate) {
      const double since = now_ms() - server.decreased_ms;
      server.increased_ms = now_ms();
      const double most = server.rate_before_decrease;
      const double next =
          kCubicC * std::pow(since - std::cbrt(most * kCubicBeta / kCubicC), 3) + most;
      server.rate = next - server.rate > kCubicSmax ? server.rate + kCubicSmax : next;
    } else if (server.receive_rate > 0 && server.rate > server.receive_rate &&
               now_ms() - server.increased_ms > kRateInterval * kHysteresis) {
      server.rate_before_decrease = server.rate;
      server.rate = std::max(server.rate * kCubicBeta, kRateLeast);
      server.decreased_ms = now_ms();
    }
    server.rate = std::max(server.rate, kRateLeast);
  }

  Surroundings around_;
  Random random_;
  bool limits_;
  std::vector<Client> clients_;
  std::vector<double> sent_ms_;
  std::vector<std::uint64_t> free_;
};

}  // namespace

Contestant c3() {
  return {"c3", [](const Surroundings& around) { return std::make_unique<C3>(around, true); }};
}

Contestant c3_ranking() {
  return {"c3-ranking",
          [](const Surroundings& around) { return std::make_unique<C3>(around, false); }};
}

}  // namespace sluice::sim
