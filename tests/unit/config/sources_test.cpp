// SPDX-License-Identifier: Apache-2.0
// What is read, from where, and in which order it wins.
#include <algorithm>

#include "text_loading.hpp"

using namespace sluice;
using namespace sluice::config;

namespace {

Loaded load_two(const std::string& first, const std::string& second,
                const Overrides& overrides = {}) {
  return load_sources({{"/etc/sluice/a.yaml", first}, {"/etc/sluice/b.yaml", second}}, overrides,
                      test_environment());
}

Config good_two(const std::string& first, const std::string& second,
                const Overrides& overrides = {}) {
  Loaded loaded = load_two(first, second, overrides);
  CHECK(complaints(loaded) == "");
  REQUIRE(loaded.config);
  return *std::move(loaded.config);
}

std::string only_complaint(const Loaded& loaded) {
  REQUIRE(loaded.diagnostics.size() == 1);
  return loaded.diagnostics[0].render();
}

}  // namespace

TEST_CASE("later files win: maps merge, values and lists are replaced") {
  const Config config = good_two(
      "upstreams: [http://a:1, http://b:1]\nworkers: 2\npool: {min: 3, max: 9}\ntrusted_proxies: "
      "[10.0.0.1]\n",
      "upstreams: [http://c:1]\npool: {max: 5}\ntrusted_proxies: []\nlog:\n");
  CHECK(config.chains.at(0).upstreams.size() == 1);
  CHECK(config.chains[0].upstreams.at(0).url.host == "c");
  CHECK(config.workers == 2);
  CHECK(config.chains[0].pool.min == 3);
  CHECK(config.chains[0].pool.max == 5);
  CHECK(config.trusted_proxies.empty());
  CHECK(good_two("upstreams: [http://a:1]\npool: {max: 5}", "pool:\n").chains.at(0).pool.max == 5);
  CHECK(good_two("", "upstreams: [http://a:1]").chains.size() == 1);
}

TEST_CASE("complaints point into the file that they are about") {
  const Loaded loaded = load_two("upstreams: [http://a:1]\npool: {max: 0}\nzzz: 1\n",
                                 "pool:\n  min: x\nworkers: y\n");
  CHECK(complaints(loaded) ==
        "/etc/sluice/a.yaml:2:13: error: 'pool.max' must be between 1 and 65535, not '0'\n"
        "/etc/sluice/a.yaml:3:1: error: unknown key 'zzz'\n"
        "/etc/sluice/b.yaml:2:8: error: 'pool.min' must be a whole number, not 'x'\n"
        "/etc/sluice/b.yaml:3:10: error: 'workers' must be a whole number, or 'auto', not 'y'");
  const Loaded both = load_two("a: [\n", "b: {\n");
  CHECK(both.diagnostics.size() == 2);
  // A value that a later file replaced is not expanded and not judged.
  good_two("upstreams: [http://a:1]\nworkers: ${NOBODY}\n", "workers: 3\n");
}

TEST_CASE("the command line wins over every file") {
  const Overrides all{.listen = "127.0.0.1:0",
                      .admin_listen = "127.0.0.1:1",
                      .log_level = "debug",
                      .log_format = "json",
                      .workers = "3",
                      .urls = {"http://cli:1"}};
  const Config config = good_two("upstreams: [http://a:1]\nworkers: 9\nadmin: {hosts: [x]}\n",
                                 "log: {level: warn, access: {sample: 2%}}\n", all);
  CHECK(config.listen.at(0).address == Address{"127.0.0.1", 0});
  CHECK(config.admin.listen == Address{"127.0.0.1", 1});
  CHECK(config.admin.hosts == std::vector<std::string>{"x"});
  CHECK(config.log.level == LogLevel::kDebug);
  CHECK(config.log.format == LogFormat::kJson);
  CHECK(config.log.access.sample == 0.02);
  CHECK(config.workers == 3);
  CHECK(config.chains.at(0).upstreams.size() == 1);
  CHECK(config.chains[0].upstreams.at(0).url.host == "cli");
}

TEST_CASE("another address does not take TLS away") {
  const Config config = good(
      "listen: [{address: '0.0.0.0:1', hosts: [h], tls: {certificate: /tls/crt, key: /tls/key}}, "
      "'0.0.0.0:2']\n"
      "upstreams: [http://a:1]",
      {.listen = "127.0.0.1:9"});
  REQUIRE(config.listen.size() == 1);
  CHECK(config.listen[0] == ListenConfig{{"127.0.0.1", 9}, {"h"}, {"/tls/crt", "/tls/key"}, false});
}

TEST_CASE("options are judged like files") {
  const std::string line = "upstreams: [http://a:1]";
  CHECK(only_complaint(load_text(line, {.listen = "4545"})) ==
        "--listen: error: 'listen[0].address' must be an IP address and port such as "
        "'127.0.0.1:4545', "
        "not '4545'; did you mean '127.0.0.1:4545'?");
  CHECK(only_complaint(load_text(line, {.log_level = "warning"})) ==
        "--log-level: error: 'log.level' must be one of trace, debug, info, warn, error, off, not "
        "'warning'; did you mean 'warn'?");
  CHECK(only_complaint(load_text(line, {.workers = "0"})) ==
        "--workers: error: 'workers' must be between 1 and 1024, or auto, not '0'");
  CHECK(only_complaint(load_text(line, {.urls = {"localhost:8545"}})) ==
        "command line: error: 'upstreams[0].url' is not a URL such as 'http://127.0.0.1:8545'; did "
        "you "
        "mean 'http://localhost:8545'?");
  CHECK(
      only_complaint(load_text("chains: [{upstreams: [http://a:1]}]", {.urls = {"http://b:1"}})) ==
      "command line: error: URLs cannot be given beside a file that has 'chains'");
  CHECK(
      only_complaint(load({}, {}, test_environment())) ==
      "command line: error: there is no upstream; 'upstreams: [http://127.0.0.1:8545]' is enough");
  // The shell has expanded what it should.
  CHECK(only_complaint(load_text(line, {.workers = "${WORKERS}"})) ==
        "--workers: error: 'workers' must be a whole number, or 'auto', not '${WORKERS}'");
}

TEST_CASE("files that cannot be read are told by name") {
  const Loaded loaded = load({"/nowhere.yaml", "/gone.yaml"}, {}, test_environment());
  CHECK_FALSE(loaded.config);
  CHECK(complaints(loaded) ==
        "/nowhere.yaml: error: cannot be read: No such file or directory\n"
        "/gone.yaml: error: cannot be read: No such file or directory");
}

TEST_CASE("variables and files are put into values, once") {
  const struct {
    const char* written;
    const char* means;
  } cases[] = {
      {"${CANARY}", "canary"},
      {"a${CANARY}b${NUMBER}", "acanaryb30"},
      {"${NOBODY:-x}", "x"},
      {"${EMPTY:-x}", "x"},
      {"${CANARY:-x}", "canary"},
      {"a${NOBODY:-}b", "ab"},
      {"${NOBODY:-a:-b}", "a:-b"},
      {"$$", "$"},
      {"$${CANARY}", "${CANARY}"},
      {"$$$${CANARY}", "$${CANARY}"},
      {"$$${CANARY}", "$canary"},
      {"a$b$", "a$b$"},
      {"${NESTED}", "${CANARY}"},
      {"${file:/secret}", "from-file"},
      {"${file:near}", "near"},
      {"${file:/windows}", "a"},
      {"x${file:/secret}y", "xfrom-filey"},
  };
  for (const auto& each : cases) {
    INFO(each.written);
    const Config config = good("upstreams: [http://a:1]\nclients: [{name: a, key: '" +
                               std::string(each.written) + "'}]\n");
    CHECK(config.clients.at(0).key.value() == each.means);
  }
  CHECK(good("upstreams: ['${URL}']").chains.at(0).upstreams.at(0).url.path_and_query ==
        "/v2/canary?key=canary");
  CHECK(good("upstreams: [http://a:1]\nworkers: ${WORKERS}").workers == 7);
  // A value cannot add YAML.
  CHECK_FALSE(
      load_text("upstreams: [http://a:1]\nlog: {level: '${NOBODY:-info, format: json}'}").config);
}

TEST_CASE("secret files are bounded, and only one line end is left out") {
  const std::string head = "upstreams: [http://a:1]\nclients: [{name: a, key: '";
  CHECK(complaints(load_text(head + "${file:/large}'}]")) ==
        "2:26: error: '/large' is larger than 64 KiB");
  CHECK(complaints(load_text(head + "${file:/two-lines}'}]")) ==
        "2:26: error: 'clients[0].key' must be 1 to 4096 visible ASCII characters");
}

TEST_CASE("paths start from the folder of their file") {
  Environment environment = test_environment();
  std::vector<std::string> asked;
  environment.read_file = [&](const std::string& path) -> Result<std::string> {
    asked.push_back(path);
    return "pem";
  };
  const Loaded loaded = load_sources({{"/etc/sluice/t.yaml",
                                       "listen: [{tls: {certificate: tls.crt, key: "
                                       "../key}}]\nupstreams: [http://a:1]\nadmin: {socket: s}"}},
                                     {}, environment);
  REQUIRE(loaded.config);
  CHECK(loaded.config->listen.at(0).tls == ServerTls{"/etc/sluice/tls.crt", "/etc/key"});
  CHECK(loaded.config->admin.socket == "/etc/sluice/s");
  CHECK(asked == std::vector<std::string>{"/etc/sluice/tls.crt", "/etc/key"});
}
