// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "text_loading.hpp"

using namespace sluice::config;

namespace {

constexpr const char* kRich = R"(
listen:
  - "[::]:80"
  - {address: "0.0.0.0:443", hosts: [rpc.example], tls: {certificate: /tls/crt, key: "/tls/key"}}
workers: 3
trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
cors: {origins: ["https://app.example", "*"]}
limits: {body: 1.5MiB, websocket_pings: 100/m, retry_after: seconds}
log: {level: debug, access: {sample: 12.5%, slow: 1500ms}}
admin: {socket: "/run/a b$${c}/\"s"}
defaults:
  pool: {max: 9, max_age: off}
chains:
  - name: one
    chain_id: 1
    path: /eth
    default: true
    balance: {strategy: latency-based}
    upstreams:
      - http://a:1
      - {url: "http://[::1]:8545", name: b.c, weight: 3, tier: 2, rate_limit: 7/m, pool: {max: 4}, methods: {deny: [eth_call]}}
  - {name: "2", upstreams: [http://c:1], methods: {allow: ["*", trace_*]}, retry: {budget: 0.1%}}
anonymous: {priority: low, rate_limit: 1/h}
)";

constexpr const char* kSecrets = R"(
upstreams:
  - {url: "https://user:canary@rpc.example/v2/canary?key=canary", headers: {authorization: Bearer canary}}
  - ${URL}
clients:
  - {name: a, key: canary-a, allow: [steer]}
  - {name: b, key: "${CANARY}"}
events: {webhook: {url: "https://ops.example/canary", headers: {authorization: canary}}}
)";

}  // namespace

TEST_CASE("what is in effect loads again as the same configuration") {
  const std::string texts[] = {"upstreams: [http://a:1]", kRich, example_yaml()};
  for (const std::string& text : texts) {
    const Loaded loaded = load_text(text);
    REQUIRE(loaded.config);
    Config config = *loaded.config;
    // Hidden values do not come back; what is left must.
    for (ChainConfig& chain : config.chains) {
      for (UpstreamConfig& upstream : chain.upstreams) {
        upstream.headers.clear();
        upstream.url.path_and_query = "/";
      }
    }
    for (const Origins& origins : {Origins{}, loaded.origins}) {
      const std::string printed = effective_yaml(config, origins);
      INFO(printed);
      const Config again = good(printed);
      CHECK(again == config);
      CHECK(effective_yaml(again) == effective_yaml(config));
    }
  }
}

TEST_CASE("secrets are never printed, and a hidden value is never taken for one") {
  const Loaded loaded = load_text(kSecrets);
  REQUIRE(loaded.config);
  const std::string printed = effective_yaml(*loaded.config, loaded.origins);
  CHECK(printed.find("canary") == std::string::npos);
  CHECK(printed.find("user") == std::string::npos);
  CHECK(printed.find("url: https://rpc.example:443/***") != std::string::npos);
  CHECK(printed.find("key: \"***\"") != std::string::npos);
  CHECK(printed.find("headers: {authorization: \"***\"}") != std::string::npos);
  const Loaded again = load_text(printed);
  CHECK_FALSE(again.config);
  CHECK(std::count_if(again.diagnostics.begin(), again.diagnostics.end(),
                      [](const Diagnostic& diagnostic) {
                        return diagnostic.message.find("'***'") != std::string::npos;
                      }) == 7);
}

TEST_CASE("no complaint repeats a secret") {
  const char* const broken[] = {
      "upstreams: [\"https://user:canary@bad host/canary\"]",
      "upstreams: [\"canary://node/\", \"https:/canary\", \"https://canary:canary@node:canary/\"]",
      "upstreams: [{url: [canary]}, {url: {canary-key: canary}}, canary]",
      "upstreams: [{url: \"http://a:1\", headers: {a: \"canary\\n\"}}, {url: \"http://b:1\", "
      "headers: canary}]",
      "upstreams: [http://a:1]\nclients: [{name: a, key: \"canary canary\"}, {name: b, key: "
      "[canary]}]",
      "upstreams: [http://a:1]\nclients: [{name: a, key: canary}, {name: b, key: canary}]",
      "upstreams: [\"${CANARY}\", \"${CANARY}://x\", \"http://${CANARY}:0/\"]\nworkers: ${CANARY}\n"
      "timeout: {call: \"${CANARY}\"}\nlimits: {body: \"1${CANARY}\"}\nlog: {level: "
      "\"${CANARY}\"}\n"
      "trusted_proxies: [\"${CANARY}\"]\ncors: {origins: [\"${CANARY}\"]}\nadmin: {listen: "
      "\"${CANARY}\"}\n"
      "anonymous: {allow: \"${CANARY}\"}\nname: \"${CANARY} \"\nlisten: \"${CANARY}\"\n"
      "retry: \"${CANARY}\"\nmethods: {deny: \"${CANARY}\", allow: [\" ${CANARY}\"]}",
      "upstreams: [{url: \"https://a\", tls: {ca: \"/${CANARY}\"}}]",
      "upstreams: [{url: \"http://127.0.0.1:4545/canary\"}, {url: "
      "\"http://169.254.169.254/canary\"}]",
      "events: {webhook: {url: \"gopher://ops.example/canary\", headers: {a: "
      "\"canary\\n\"}}}\nupstreams: "
      "[http://a:1]",
  };
  for (const char* text : broken) {
    INFO(text);
    const Loaded loaded = load_text(text);
    CHECK_FALSE(loaded.config);
    CHECK(complaints(loaded).find("canary") == std::string::npos);
  }
}

TEST_CASE("each value says where it comes from") {
  const Loaded loaded = load_sources({{"a.yaml",
                                       "upstreams:\n  - {url: \"http://a:1\", pool: {max: "
                                       "4}}\npool: {min: 2}\nworkers: ${WORKERS}\n"},
                                      {"b.yaml", "log: {level: warn}\n"}},
                                     {.admin_listen = "127.0.0.1:1"}, test_environment());
  REQUIRE(loaded.config);
  const std::string printed = effective_yaml(*loaded.config, loaded.origins);
  for (const char* line :
       {"workers: 7  # a.yaml:4, env\n", "  level: warn  # b.yaml:1\n",
        "  listen: 127.0.0.1:1  # --admin-listen\n", "      max: 64  # default\n",
        "          max: 4  # a.yaml:2\n", "          min: 2  # a.yaml:3\n",
        "        url: http://a:1  # a.yaml:2\n", "      - name: a-1  # default\n"}) {
    INFO(line);
    CHECK(printed.find(line) != std::string::npos);
  }
}

TEST_CASE("inherited values say where they were written") {
  const Loaded loaded = load_text(
      "defaults: {pool: {max: 5},\n  queue: {max: 6}}\nchains:\n  - {name: a, upstreams: "
      "[http://a:1],\n"
      "     pool: {min: 3}}\n");
  REQUIRE(loaded.config);
  const std::string printed = effective_yaml(*loaded.config, loaded.origins);
  for (const char* line :
       {"      max: 5  # /etc/sluice/t.yaml:1\n", "          max: 5  # /etc/sluice/t.yaml:1\n",
        "      max: 6  # /etc/sluice/t.yaml:2\n", "          min: 3  # /etc/sluice/t.yaml:5\n"}) {
    INFO(line);
    CHECK(printed.find(line) != std::string::npos);
  }
}

TEST_CASE("changes that need a restart are told by key, others are not") {
  const std::string line = "upstreams: [http://a:1]\n";
  const Config running = good(line);
  const struct {
    const char* change;
    std::vector<std::string> expected;
  } cases[] = {
      {"", {}},
      {"workers: 5", {"workers"}},
      {"log: {format: json}", {"log.format"}},
      {"log: {level: debug}", {}},
      {"admin: {socket: /tmp/s}", {"admin.socket"}},
      {"admin: {listen: '127.0.0.1:1'}", {}},
      {"listen: ['127.0.0.1:1']", {}},
      {"pool: {max: 3}\nclients: [{name: a, key: k}]", {}},
      {"log: {format: text}\nworkers: 2\nadmin: {socket: /s}",
       {"admin.socket", "workers", "log.format"}},
  };
  for (const auto& each : cases) {
    INFO(each.change);
    CHECK(restart_only_changes(running, good(line + each.change)) == each.expected);
  }
}
