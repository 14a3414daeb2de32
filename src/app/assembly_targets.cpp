// SPDX-License-Identifier: Apache-2.0
// What the parts on the control thread are to look after, out of a configuration and its snapshot.
#include "app/assembly.hpp"

namespace sluice::app {

namespace {

policy::HealthOptions health_options(const config::HealthConfig& health) {
  policy::HealthOptions options;
  options.lag_prefer = health.lag.prefer;
  options.lag_out = health.lag.out;
  options.lag_out_time = health.lag.out_time;
  options.eject_base = health.eject.base;
  options.eject_max = health.eject.max;
  options.eject_max_share = health.eject.max_percent;
  return options;
}

}  // namespace

std::vector<health::ChainTarget> Assembly::targets(const config::Config& config,
                                                   const proxy::Snapshot& snapshot) {
  std::vector<health::ChainTarget> targets;
  for (std::size_t i = 0; i < config.chains.size(); ++i) {
    const proxy::ChainSpec& spec = snapshot.chains[i];
    health::ChainTarget target{.name = spec.name,
                               .chain_id = config.chains[i].chain_id,
                               .health = health_options(config.chains[i].health),
                               .upstreams = {},
                               .owner = spec.shared,
                               .head = &spec.shared->head,
                               .learned_chain_id = &spec.shared->chain_id};
    for (std::size_t u = 0; u < spec.upstreams.size(); ++u) {
      const config::HealthConfig& health = config.chains[i].upstreams[u].health;
      const upstream::Options& pool = spec.upstreams[u].shared->options();
      policy::HealthOptions own = health_options(health);
      if (pool.warm_up != 0) own.warm_up_max = pool.connect_timeout;
      target.upstreams.push_back({.name = spec.upstreams[u].name,
                                  .shared = spec.upstreams[u].shared,
                                  .tier = spec.upstreams[u].tier,
                                  .interval = health.interval,
                                  .timeout = health.timeout,
                                  .health = own});
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<vitals::ChainTarget> Assembly::vitals(const config::Config& config,
                                                  const proxy::Snapshot& snapshot) {
  std::vector<vitals::ChainTarget> targets;
  for (std::size_t i = 0; i < config.chains.size(); ++i) {
    const proxy::ChainSpec& spec = snapshot.chains[i];
    const config::ChainConfig& chain = config.chains[i];
    vitals::ChainTarget target{.name = spec.name,
                               .hedge = spec.hedge,
                               .anomalies = chain.anomaly.mode,
                               .latency_objective = chain.anomaly.latency_objective,
                               .upstreams = {}};
    for (std::size_t u = 0; u < spec.upstreams.size(); ++u) {
      target.upstreams.push_back({.name = spec.upstreams[u].name,
                                  .shared = spec.upstreams[u].shared,
                                  .rate_limit_per_s = chain.upstreams[u].rate_limit});
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<scaler::Target> Assembly::scaler_targets(const config::Config& config,
                                                     const proxy::Snapshot& snapshot) {
  std::vector<scaler::Target> targets;
  for (std::size_t i = 0; i < config.chains.size(); ++i) {
    for (std::size_t u = 0; u < config.chains[i].upstreams.size(); ++u) {
      const config::UpstreamConfig& upstream = config.chains[i].upstreams[u];
      const config::ScalerConfig& scaler = upstream.scaler;
      targets.push_back({.chain = snapshot.chains[i].name,
                         .upstream = upstream.name,
                         .shared = snapshot.chains[i].upstreams[u].shared,
                         .options = {.mode = static_cast<policy::ScaleMode>(scaler.mode),
                                     .up = scaler.up,
                                     .down = scaler.down,
                                     .step = static_cast<std::uint32_t>(scaler.step),
                                     .interval = scaler.interval,
                                     .cooldown = scaler.cooldown,
                                     .predict = scaler.predict,
                                     .min = static_cast<std::uint32_t>(upstream.pool.min),
                                     .max = static_cast<std::uint32_t>(upstream.pool.max)},
                         .rate_limit = upstream.rate_limit});
    }
  }
  return targets;
}

std::vector<limiter::Target> Assembly::limiter_targets(const config::Config& config,
                                                       const proxy::Snapshot& snapshot) {
  std::vector<limiter::Target> targets;
  for (std::size_t i = 0; i < config.chains.size(); ++i) {
    for (std::size_t u = 0; u < config.chains[i].upstreams.size(); ++u) {
      const config::UpstreamConfig& upstream = config.chains[i].upstreams[u];
      targets.push_back({.chain = snapshot.chains[i].name,
                         .upstream = upstream.name,
                         .shared = snapshot.chains[i].upstreams[u].shared,
                         .mode = upstream.pool.concurrency_limit.mode,
                         .min = static_cast<std::uint32_t>(upstream.pool.concurrency_limit.min)});
    }
  }
  return targets;
}

}  // namespace sluice::app
