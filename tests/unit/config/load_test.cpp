// SPDX-License-Identifier: Apache-2.0
#include "text_loading.hpp"

using namespace sluice;
using namespace sluice::config;
using namespace std::chrono_literals;

TEST_CASE("one line is a whole configuration, with the documented defaults") {
  const Config config = good("upstreams: [http://127.0.0.1:8545]");
  REQUIRE(config.listen.size() == 1);
  CHECK(config.listen[0] == ListenConfig{{"127.0.0.1", 4545}, {}, {}, false});
  CHECK(config.admin == AdminConfig{{"127.0.0.1", 9464}, {}, "/run/sluice/ctl.sock"});
  CHECK(config.workers == 0);
  CHECK(config.trusted_proxies.empty());
  CHECK(config.cors == CorsConfig{{}, 10min});
  const LimitsConfig limits{.body = 5U << 20,
                            .batch = 1000,
                            .batch_concurrency = 16,
                            .header = 16U << 10,
                            .headers = 64,
                            .target = 8U << 10,
                            .json_depth = 128,
                            .response = 256U << 20,
                            .held_reply = 64U << 10,
                            .memory = 1U << 30,
                            .connections = 20000,
                            .connections_per_ip = 1000,
                            .upstream_connections = 4096,
                            .websocket_message = 16U << 20,
                            .websocket_in_flight = 1000,
                            .websocket_pings = 50,
                            .retry_after = RetryAfter::kOff};
  CHECK(config.limits == limits);
  CHECK(config.timeout == TimeoutConfig{30s, 10s, 2s, 5s, 10s, 75s});
  CHECK(config.shutdown == ShutdownConfig{0s, 30s});
  CHECK(config.log == LogConfig{LogLevel::kInfo, LogFormat::kAuto, {0.01, 1s}});
  CHECK(config.methods.deny ==
        std::vector<std::string>{"admin_*", "personal_*", "debug_*", "engine_*", "miner_*"});
  CHECK(config.methods.allow.empty());
  CHECK(config.anonymous == AnonymousConfig{true, Priority::kNormal, 0});
  CHECK(config.clients.empty());
  CHECK_FALSE(config.events.webhook.url);
}

TEST_CASE("the documented defaults of chains and upstreams") {
  const Config config = good("upstreams: [http://127.0.0.1:8545]");
  REQUIRE(config.chains.size() == 1);
  const ChainConfig& chain = config.chains[0];
  CHECK(chain.name == "main");
  CHECK(chain.chain_id == 0);
  CHECK(chain.path.empty());
  CHECK(chain.is_default);
  CHECK(chain.balance.strategy == Strategy::kAdaptive);
  CHECK(chain.pool == PoolConfig{1, 64, 60s, 30min, {2, true}, {Stance::kObserve, 4}});
  CHECK(chain.batch == BatchConfig{20, 2ms});
  CHECK(chain.scaler ==
        ScalerConfig{ScalerMode::kThreshold, 0.8, 0.3, 2, 250ms, 10s, Stance::kObserve});
  CHECK(chain.queue == QueueConfig{10000, 2s, 0.05});
  CHECK(chain.health == HealthConfig{2s, 1s, {1, 3, 30s}, {1s, 60s, 0.5}});
  CHECK(chain.breaker == BreakerConfig{0.5, 10, 10s, 5s, 3});
  CHECK(chain.retry == RetryConfig{2, 0.1, 25ms});
  CHECK(chain.hedge == HedgeConfig{95, 0.02});
  CHECK(chain.anomaly == AnomalyConfig{Stance::kObserve, 0s});
  CHECK(chain.methods == MethodRules{});
  REQUIRE(chain.upstreams.size() == 1);
  const UpstreamConfig& upstream = chain.upstreams[0];
  CHECK(upstream.name == "127.0.0.1-8545");
  CHECK(upstream.weight == 1);
  CHECK(upstream.tier == 1);
  CHECK(upstream.rate_limit == 0);
  CHECK(upstream.headers.empty());
  CHECK(upstream.tls.ca.empty());
  CHECK_FALSE(upstream.allow_link_local);
  CHECK(static_cast<const PerUpstream&>(upstream) == static_cast<const PerUpstream&>(chain));
}

TEST_CASE("URLs alone are a configuration too") {
  const Overrides urls{.urls = {"http://a:1", "https://b", "http://a:1"}};
  const Loaded loaded = load({}, urls, test_environment());
  CHECK(complaints(loaded) == "");
  REQUIRE(loaded.config);
  const auto& upstreams = loaded.config->chains.at(0).upstreams;
  REQUIRE(upstreams.size() == 3);
  CHECK(upstreams[0].name == "a-1");
  CHECK(upstreams[1].name == "b-443");
  CHECK(upstreams[2].name == "a-1-2");
}

TEST_CASE("made-up names keep clear of given ones") {
  const Config config = good(
      "upstreams: [{name: a-1-2, url: 'http://x:1'}, http://a:1, http://a:1, 'http://[::1]:8545']");
  const auto& upstreams = config.chains.at(0).upstreams;
  CHECK(upstreams[1].name == "a-1");
  CHECK(upstreams[2].name == "a-1-3");
  CHECK(upstreams[3].name == "1-8545");
}

TEST_CASE("a chain inherits from defaults, an upstream from its chain, whatever the order") {
  const Config config = good(R"(
chains:
  - upstreams:
      - http://a:1
      - {url: "http://b:1", pool: {max: 7}, health: {lag: {out: 9}}}
    name: one
    pool: {max: 5, min: 2}
  - {name: two, upstreams: [http://c:1], retry: {max: 0}, methods: {deny: []}}
defaults:
  pool: {max: 3, idle_timeout: 9s}
  retry: {max: 4, backoff: 1s}
  methods: {deny: [eth_getLogs]}
)");
  const ChainConfig& one = config.chains.at(0);
  const ChainConfig& two = config.chains.at(1);
  CHECK(one.pool.max == 5);
  CHECK(one.pool.min == 2);
  CHECK(one.pool.idle_timeout == 9s);
  CHECK(one.upstreams[0].pool == one.pool);
  CHECK(one.upstreams[1].pool.max == 7);
  CHECK(one.upstreams[1].pool.min == 2);
  CHECK(one.upstreams[1].health.lag.out == 9);
  CHECK(one.upstreams[1].health.lag.prefer == 1);
  CHECK(one.retry.max == 4);
  CHECK(one.methods.deny == std::vector<std::string>{"eth_getLogs"});
  CHECK(one.upstreams[0].methods == MethodRules{});
  CHECK(two.pool.max == 3);
  CHECK(two.retry.max == 0);
  CHECK(two.retry.backoff == 1s);
  CHECK(two.methods.deny.empty());
  CHECK_FALSE(one.is_default);
  CHECK_FALSE(two.is_default);
}

TEST_CASE("a single chain at top level takes the keys of a chain and of defaults") {
  const Config config = good(R"(
name: dev
chain_id: 31337
path: /eth/dev
defaults: {pool: {max: 3}}
pool: {min: 2}
balance: {strategy: weighted}
methods: {allow: [debug_traceCall]}
upstreams: [http://a:1]
)");
  const ChainConfig& chain = config.chains.at(0);
  CHECK(chain.name == "dev");
  CHECK(chain.chain_id == 31337);
  CHECK(chain.path == "/eth/dev");
  CHECK(chain.upstreams.at(0).pool ==
        PoolConfig{2, 3, 60s, 30min, {2, true}, {Stance::kObserve, 4}});
  CHECK(chain.balance.strategy == Strategy::kWeighted);
  CHECK(config.methods.allow == std::vector<std::string>{"debug_traceCall"});
  CHECK(config.methods.deny.size() == 5);
  CHECK(chain.methods == MethodRules{});
}

TEST_CASE("every kind of value arrives") {
  const Config config = good(R"(
listen:
  - "[::]:80"
  - {address: "0.0.0.0:443", hosts: [RPC.Example], tls: {certificate: /tls/crt, key: /tls/key}, proxy_protocol: true}
trusted_proxies: [10.0.0.0/8, "::1"]
cors: {origins: ["https://App.Example", "http://[::1]:3000", "*"], max_age: 0s}
limits: {retry_after: ms, websocket_pings: 60/m}
log: {level: off, format: json, access: {sample: 0%, slow: 1.5s}}
anonymous: {allow: false, priority: low, rate_limit: 10/s}
clients:
  - {name: bot, key: "1234", priority: critical, rate_limit: 500/s, allow: [steer], methods: {deny: [eth_call]}}
upstreams:
  - url: https://u:p@a.example/v2/key
    name: A
    weight: 3
    tier: 2
    rate_limit: 300/s
    headers: {X-Team: desk-7, n: 5}
    tls: {ca: /tls/crt}
    methods: {allow: [trace_*]}
  - {url: "http://169.254.1.1", allow_link_local: true}
pool: {idle_timeout: off, max_age: off}
)");
  CHECK(config.listen.at(0).address == Address{"::", 80});
  const ListenConfig tls{{"0.0.0.0", 443}, {"rpc.example"}, {"/tls/crt", "/tls/key"}, true};
  CHECK(config.listen.at(1) == tls);
  CHECK(config.listen[1].tls.enabled());
  CHECK(config.trusted_proxies.at(0).text() == "10.0.0.0/8");
  CHECK(config.cors.origins ==
        std::vector<std::string>{"https://app.example", "http://[::1]:3000", "*"});
  CHECK(config.limits.retry_after == RetryAfter::kMilliseconds);
  CHECK(config.limits.websocket_pings == 1);
  CHECK(config.log == LogConfig{LogLevel::kOff, LogFormat::kJson, {0, 1500ms}});
  CHECK(config.anonymous == AnonymousConfig{false, Priority::kLow, 10});
  const ClientConfig& client = config.clients.at(0);
  CHECK(client.key.value() == "1234");
  CHECK(client.priority == Priority::kCritical);
  CHECK(client.rate_limit == 500);
  CHECK(client.allow.has(Permission::kSteer));
  CHECK(client.methods.deny == std::vector<std::string>{"eth_call"});
  const ChainConfig& chain = config.chains.at(0);
  CHECK(chain.pool.idle_timeout == 0s);
  CHECK(chain.pool.max_age == 0s);
  const UpstreamConfig& a = chain.upstreams.at(0);
  CHECK(a.url == Url{"https", "a.example", 443, "/v2/key", "u:p"});
  CHECK(a.headers == std::vector<Header>{{"x-team", Secret("desk-7")}, {"n", Secret("5")}});
  CHECK(a.tls.ca == "/tls/crt");
  CHECK(a.methods.allow == std::vector<std::string>{"trace_*"});
  CHECK(a.weight == 3);
  CHECK(a.tier == 2);
  CHECK(a.rate_limit == 300);
}

TEST_CASE("empty sections are their defaults") {
  const std::string line = "upstreams: [http://a:1]\n";
  const Config plain = good(line);
  for (const char* text :
       {"", "pool:\n", "pool: {}\n", "listen:\n", "clients:\n", "defaults:\n", "chains:\n",
        "log:\n  access:\n", "breaker: {}\n", "events: {webhook: }\n", "# comment\n", "---\n"}) {
    INFO(text);
    CHECK(good(text + line) == plain);
  }
  CHECK(good("\xef\xbb\xbf" + line) == plain);
  CHECK(good("upstreams: [http://a:1]\r\npool:\r\n  max: 64\r\n") == plain);
}

TEST_CASE("anchors and aliases work within reason") {
  const Config config = good(
      "chains:\n  - {name: a, upstreams: [http://a:1], pool: &p {max: 3}}\n"
      "  - {name: b, upstreams: [http://b:1], pool: *p}\n");
  CHECK(config.chains.at(1).pool.max == 3);
}

TEST_CASE("the chain that answers at / is the only one, or the one that says so") {
  CHECK(good("chains: [{upstreams: [http://a:1]}]").chains.at(0).is_default);
  const Config two = good(
      "chains: [{name: a, upstreams: [http://a:1]}, {name: b, default: true, upstreams: "
      "[http://b:1]}]");
  CHECK_FALSE(two.chains.at(0).is_default);
  CHECK(two.chains.at(1).is_default);
  good("chains: [{name: '1', chain_id: 1, path: /1, upstreams: [http://a:1]}]");
}

TEST_CASE("listeners that look alike but are not") {
  good(
      "listen: ['127.0.0.1:80', '[::1]:80', '127.0.0.2:80', '127.0.0.1:81']\nupstreams: "
      "[http://a:80]");
  good("listen: ['127.0.0.1:0', '127.0.0.1:0']\nupstreams: [http://127.0.0.1:1]");
  good("listen: ['10.0.0.1:80']\nupstreams: [http://127.0.0.1:80]");
  good("listen: ['0.0.0.0:80', '[::]:80']\nupstreams: [http://10.0.0.1:80]");
}
