// SPDX-License-Identifier: Apache-2.0
#include "app/assembly.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "config/words.hpp"
#include "net/tls.hpp"
#include "proxy/filter_id.hpp"

namespace sluice::app {

namespace {

ethereum::MethodLists lists(const config::MethodRules& rules) {
  return {rules.allow, rules.deny};
}

/// The global lists without the built-in denials, which MethodFilter knows itself as the lowest
/// layer: as entries of this layer they would tie with what the operator allows here, and a tie
/// denies.
ethereum::MethodLists global_lists(const config::MethodRules& rules) {
  ethereum::MethodLists own = lists(rules);
  const auto built_in = ethereum::MethodFilter::built_in();
  std::erase_if(own.deny, [&](const std::string& entry) {
    return std::ranges::find(built_in, entry) != built_in.end();
  });
  return own;
}

void set_filter_tags(std::vector<proxy::UpstreamSpec>& upstreams) {
  std::vector<std::string_view> names;
  for (const auto& upstream : upstreams) names.push_back(upstream.name);
  const auto tags = proxy::filter_tags(names);
  for (std::size_t i = 0; i < tags.size(); ++i) upstreams[i].filter_tag = tags[i];
}

upstream::Options upstream_options(const config::Config& config, const config::ChainConfig& chain,
                                   const config::UpstreamConfig& upstream) {
  upstream::Options options;
  options.chain = chain.name;
  options.name = upstream.name;
  options.host = upstream.url.host;
  options.port = upstream.url.port;
  options.tls = upstream.url.tls();
  options.ca_path = upstream.tls.ca;
  options.target = upstream.url.path_and_query;
  if (!upstream.url.userinfo.empty())
    options.authorization = "Basic " + net::base64(upstream.url.userinfo);
  for (const auto& header : upstream.headers)
    options.headers.emplace_back(header.name, header.value.value());
  options.connections_min = static_cast<std::uint32_t>(upstream.pool.min);
  options.connections_max = static_cast<std::uint32_t>(upstream.pool.max);
  const auto or_never = [](Duration d) {
    return d == Duration::zero() ? Duration(std::chrono::hours(24 * 365)) : d;
  };
  options.idle_timeout = or_never(upstream.pool.idle_timeout);
  options.age_max = or_never(upstream.pool.max_age);
  options.connect_timeout = config.timeout.connect;
  options.warm_up = static_cast<std::uint32_t>(upstream.pool.warm_up.connections);
  options.warm_up_verified = upstream.pool.warm_up.verify;
  options.dials_ahead = upstream.scaler.mode != config::ScalerMode::kOff;
  options.held_reply_max = config.limits.held_reply;
  options.response_max = config.limits.response;
  options.link_local_allowed = upstream.allow_link_local;
  return options;
}

policy::Priority priority(config::Priority value) {
  return static_cast<policy::Priority>(value);
}

proxy::MethodMask mask(const config::Config& config, const config::ChainConfig& chain,
                       const config::MethodRules& client) {
  proxy::MethodMask mask;
  mask.by_method.assign(ethereum::methods().size(), 0);
  for (std::size_t u = 0; u < chain.upstreams.size(); ++u) {
    const std::array<ethereum::MethodLists, 4> layers = {
        global_lists(config.methods), lists(chain.methods), lists(chain.upstreams[u].methods),
        lists(client)};
    // Entries were checked before.
    mask.filters.push_back(ethereum::MethodFilter::build(layers).value());
    for (const auto& method : ethereum::methods()) {
      if (mask.filters.back().allowed(method, method.name))
        mask.by_method[method.index] |= policy::bit_of(u);
    }
  }
  return mask;
}

/// The same file name may hold other certificates by now.
bool ca_changed(const std::shared_ptr<net::ClientTls>& kept,
                const std::shared_ptr<net::ClientTls>& next) {
  return kept != nullptr && next != nullptr && kept->ca_digest() != next->ca_digest();
}

std::shared_ptr<const proxy::MethodMasks> masks(const config::Config& config,
                                                const config::ChainConfig& chain) {
  proxy::MethodMasks masks;
  std::map<std::pair<std::vector<std::string>, std::vector<std::string>>, std::uint32_t> known;
  const auto add = [&](const config::MethodRules& rules) {
    const auto [at, fresh] = known.try_emplace({rules.allow, rules.deny},
                                               static_cast<std::uint32_t>(masks.distinct.size()));
    if (fresh) masks.distinct.push_back(mask(config, chain, rules));
    masks.by_client.push_back(at->second);
  };
  add({});
  for (const auto& client : config.clients) add(client.methods);
  return std::make_shared<const proxy::MethodMasks>(std::move(masks));
}

Result<void> check_lists(const config::MethodRules& rules, const std::string& where) {
  const std::array<ethereum::MethodLists, 1> layers = {lists(rules)};
  if (const auto built = ethereum::MethodFilter::build(layers); !built) {
    return fail(ErrorKind::kInvalid, Origin::kSluice, Retry::kNever,
                where + ".methods: " + built.error().detail);
  }
  return {};
}

Result<void> load_chain(const config::ChainConfig& chain, Materials& materials) {
  if (auto ok = check_lists(chain.methods, chain.name); !ok) return ok;
  for (const auto& upstream : chain.upstreams) {
    const std::string where = chain.name + "." + upstream.name;
    if (auto ok = check_lists(upstream.methods, where); !ok) return ok;
    if (!upstream.url.tls()) continue;
    auto tls = net::ClientTls::make(upstream.url.host, upstream.tls.ca);
    if (!tls) {
      return fail(ErrorKind::kInvalid, Origin::kSluice, Retry::kNever,
                  where + ".tls: " + tls.error().detail);
    }
    materials.client_tls[{chain.name, upstream.name}] = *tls;
  }
  return {};
}

}  // namespace

Result<Materials> load_materials(const config::Config& config) {
  Materials materials;
  for (const auto& listen : config.listen) {
    if (!listen.tls.enabled()) continue;
    auto tls = net::ServerTls::make(listen.tls.certificate, listen.tls.key);
    if (!tls) {
      return fail(ErrorKind::kInvalid, Origin::kSluice, Retry::kNever,
                  "listen " + listen.address.text() + ": tls: " + tls.error().detail);
    }
    materials.server_tls[{listen.tls.certificate, listen.tls.key}] = *tls;
  }
  const config::WebhookConfig& webhook = config.events.webhook;
  if (webhook.url && webhook.url->tls()) {
    auto tls = net::ClientTls::make(webhook.url->host, webhook.ca);
    if (!tls) {
      return fail(ErrorKind::kInvalid, Origin::kSluice, Retry::kNever,
                  "events.webhook: " + tls.error().detail);
    }
    materials.webhook_tls = *tls;
  }
  if (auto ok = check_lists(config.methods, "methods"); !ok) return std::unexpected(ok.error());
  for (const auto& client : config.clients) {
    if (auto ok = check_lists(client.methods, "clients." + client.name); !ok)
      return std::unexpected(ok.error());
  }
  for (const auto& chain : config.chains) {
    if (auto ok = load_chain(chain, materials); !ok) return std::unexpected(ok.error());
    materials.masks[chain.name] = masks(config, chain);
  }
  return materials;
}

std::shared_ptr<proxy::RateGate> Assembly::gate(const std::string& name, double per_second) {
  auto& [rate, kept] = gates_[name];
  if (kept == nullptr || rate != per_second) {
    rate = per_second;
    kept = std::make_shared<proxy::RateGate>(per_second);
  }
  return kept;
}

proxy::UpstreamSpec Assembly::upstream(const config::Config& config,
                                       const config::ChainConfig& chain,
                                       const config::UpstreamConfig& upstream,
                                       const Materials& materials, metrics::ChainSlot slot) {
  upstream::Options options = upstream_options(config, chain, upstream);
  auto& kept = upstreams_[{chain.name, upstream.name}];
  const auto found = materials.client_tls.find({chain.name, upstream.name});
  const auto tls = found == materials.client_tls.end() ? nullptr : found->second;
  if (kept == nullptr || kept->options() != options || ca_changed(kept->tls(), tls)) {
    const bool same_node = kept != nullptr && kept->options().host == options.host &&
                           kept->options().port == options.port &&
                           kept->options().target == options.target;
    auto next = std::make_shared<upstream::Shared>(std::move(options), tls, ceiling_, workers_);
    if (same_node) next->inherit(*kept);
    if (kept != nullptr) next->hand.take_over(kept->hand);
    kept = std::move(next);
    kept->obey_hand();
  }
  kept->classes().configure(
      {.failure_ratio = upstream.breaker.failure_ratio,
       .min_calls = static_cast<std::uint32_t>(upstream.breaker.min_calls),
       .window = upstream.breaker.window,
       .open = upstream.breaker.open,
       .open_max = std::max<Duration>(std::chrono::minutes(1), upstream.breaker.open),
       .half_open = static_cast<std::uint32_t>(upstream.breaker.half_open)});
  return {.name = upstream.name,
          .shared = kept,
          .weight = static_cast<double>(upstream.weight),
          .tier = static_cast<std::uint32_t>(upstream.tier),
          .rate = gate("upstream/" + chain.name + "/" + upstream.name, upstream.rate_limit),
          .lag_prefer = upstream.health.lag.prefer,
          .batch = {.calls_max = static_cast<std::size_t>(upstream.batch.max),
                    .time_max = upstream.batch.time},
          .slot = registry_.upstream(slot, upstream.name)};
}

proxy::ChainSpec Assembly::chain(const config::Config& config, const config::ChainConfig& chain,
                                 const Materials& materials) {
  const policy::WaitQueue::Options queue{.max = static_cast<std::uint32_t>(chain.queue.max),
                                         .reserve = chain.queue.reserve};
  auto& kept = chains_[chain.name];
  if (kept == nullptr || (chain.chain_id != 0 && kept->chain_id.load() != 0 &&
                          kept->chain_id.load() != chain.chain_id)) {
    kept = std::make_shared<proxy::ChainShared>(queue, workers_);
    // What is known of its upstreams was true of another chain.
    std::erase_if(upstreams_, [&](const auto& item) { return item.first.first == chain.name; });
  }
  kept->queue.set(queue);
  if (chain.chain_id != 0) kept->chain_id.store(chain.chain_id);
  proxy::ChainSpec spec{
      .name = chain.name,
      .shared = kept,
      .strategy =
          std::string(config::kStrategies[static_cast<std::size_t>(chain.balance.strategy)].text),
      .retry = {.retries_max = static_cast<std::uint32_t>(chain.retry.max),
                .backoff = chain.retry.backoff},
      .retry_budget = chain.retry.budget,
      .hedge = {.quantile = chain.hedge.percentile / 100, .budget = chain.hedge.budget},
      .queue_timeout = chain.queue.timeout,
      .masks = materials.masks.at(chain.name),
      .slot = registry_.chain(chain.name)};
  for (const auto& item : chain.upstreams) {
    spec.upstreams.push_back(upstream(config, chain, item, materials, spec.slot));
  }
  set_filter_tags(spec.upstreams);
  for (auto& item : spec.upstreams) item.wait_slot = kept->wait_slot(item.shared);
  return spec;
}

std::shared_ptr<const proxy::Snapshot> Assembly::snapshot(const config::Config& config,
                                                          const Materials& materials) {
  auto next = std::make_shared<proxy::Snapshot>();
  ceiling_->max.store(static_cast<std::uint32_t>(config.limits.upstream_connections));
  memory_->max.store(config.limits.memory);
  next->memory = memory_;
  next->anonymous_allowed = config.anonymous.allow;
  next->clients.push_back({.name = "anonymous",
                           .priority = priority(config.anonymous.priority),
                           .rate = gate("anonymous", config.anonymous.rate_limit),
                           .slot = registry_.client("anonymous")});
  for (const auto& client : config.clients) {
    proxy::ClientSpec spec{.name = client.name,
                           .key_digest = net::sha256(client.key.value()),
                           .priority = priority(client.priority),
                           .rate = gate("client/" + client.name, client.rate_limit),
                           .steer = client.allow.has(config::Permission::kSteer),
                           .debug = client.allow.has(config::Permission::kDebug),
                           .slot = registry_.client(client.name)};
    next->clients_by_key[spec.key_digest] = next->clients.size();
    next->clients.push_back(std::move(spec));
  }
  for (const auto& item : config.chains) {
    const std::size_t index = next->chains.size();
    next->chains.push_back(chain(config, item, materials));
    next->paths["/" + item.name] = index;
    if (item.chain_id != 0) next->paths["/" + std::to_string(item.chain_id)] = index;
    if (!item.path.empty()) next->paths[item.path] = index;
    if (item.is_default) next->paths["/"] = index;
  }
  const config::LimitsConfig& limits = config.limits;
  next->limits = {.json = {.depth_max = limits.json_depth, .batch_max = limits.batch},
                  .batch_concurrency = static_cast<std::uint32_t>(limits.batch_concurrency),
                  .response_max = limits.response,
                  .call_timeout = config.timeout.call,
                  .attempt_timeout = config.timeout.attempt,
                  .retry_after = static_cast<proxy::RetryAfter>(limits.retry_after),
                  .access_sample = config.log.access.sample,
                  .access_slow = config.log.access.slow};
  forget_others(*next);
  return next;
}

void Assembly::forget_others(const proxy::Snapshot& current) {
  std::set<const void*> used;
  for (const auto& client : current.clients) used.insert(client.rate.get());
  for (const auto& chain : current.chains) {
    used.insert(chain.shared.get());
    for (const auto& upstream : chain.upstreams) {
      used.insert(upstream.shared.get());
      used.insert(upstream.rate.get());
    }
  }
  std::erase_if(chains_, [&](const auto& item) { return !used.contains(item.second.get()); });
  std::erase_if(upstreams_, [&](const auto& item) { return !used.contains(item.second.get()); });
  std::erase_if(gates_, [&](const auto& item) { return !used.contains(item.second.second.get()); });
}

std::shared_ptr<const frontend::Options> Assembly::frontend_options(const config::Config& config) {
  auto options = std::make_shared<frontend::Options>();
  options->http = {.head_bytes_max = config.limits.header,
                   .target_bytes_max = config.limits.target,
                   .fields_max = config.limits.headers,
                   .body_bytes_max = config.limits.body};
  options->header_timeout = config.timeout.header;
  options->body_timeout = config.timeout.body;
  options->idle_timeout = config.timeout.idle;
  options->cors_origins = config.cors.origins;
  options->cors_max_age_s = static_cast<std::uint64_t>(seconds(config.cors.max_age));
  options->websocket_message_max = config.limits.websocket_message;
  options->websocket_in_flight_max = static_cast<std::uint32_t>(config.limits.websocket_in_flight);
  options->websocket_pings_per_s = static_cast<std::uint32_t>(config.limits.websocket_pings);
  return options;
}

std::shared_ptr<const frontend::TrustedNetworks> Assembly::trusted(const config::Config& config) {
  auto networks = std::make_shared<frontend::TrustedNetworks>();
  for (const auto& cidr : config.trusted_proxies) {
    if (cidr.base.is_v4() && cidr.prefix >= 96) {
      net::asio::ip::address_v4::bytes_type bytes{cidr.base.bytes[12], cidr.base.bytes[13],
                                                  cidr.base.bytes[14], cidr.base.bytes[15]};
      networks->v4.emplace_back(net::asio::ip::address_v4(bytes),
                                static_cast<unsigned short>(cidr.prefix - 96));
    } else {
      networks->v6.emplace_back(net::asio::ip::address_v6(cidr.base.bytes),
                                static_cast<unsigned short>(cidr.prefix));
    }
  }
  return networks;
}

std::shared_ptr<const frontend::ListenerOptions> Assembly::listener(
    const config::ListenConfig& listen, const Materials& materials) {
  auto options = std::make_shared<frontend::ListenerOptions>();
  options->hosts = listen.hosts;
  options->loopback = listen.address.is_loopback();
  options->proxy_protocol = listen.proxy_protocol;
  if (listen.tls.enabled())
    options->tls = materials.server_tls.at({listen.tls.certificate, listen.tls.key});
  return options;
}

std::optional<events::WebhookTarget> Assembly::webhook(const config::Config& config,
                                                       const Materials& materials) {
  const config::WebhookConfig& from = config.events.webhook;
  if (!from.url) return std::nullopt;
  events::WebhookTarget target{.host = from.url->host,
                               .port = from.url->port,
                               .authority = from.url->authority(),
                               .path_and_query = from.url->path_and_query,
                               .authorization = {},
                               .headers = {},
                               .tls = materials.webhook_tls,
                               .timeout = from.timeout,
                               .least = log::Level::kInfo};
  if (from.level == config::EventLevel::kWarn) target.least = log::Level::kWarn;
  if (from.level == config::EventLevel::kError) target.least = log::Level::kError;
  if (!from.url->userinfo.empty())
    target.authorization = "Basic " + net::base64(from.url->userinfo);
  for (const auto& header : from.headers)
    target.headers.emplace_back(header.name, header.value.value());
  return target;
}

}  // namespace sluice::app
