// SPDX-License-Identifier: Apache-2.0
#include "config/cross_check.hpp"

#include <map>
#include <optional>

#include <fmt/format.h>

namespace sluice::config {
namespace {

/// One pass over one configuration; lives on the stack of cross_check().
class Checker {
 public:
  Checker(const Bound& bound, const Environment& environment, Report& report)
      : bound_(bound), config_(bound.config), environment_(environment), report_(report) {}

  void run() {
    for (std::size_t i = 0; i < config_.chains.size(); ++i) check_chain(i);
    check_settings("defaults", bound_.defaults);
    check_chain_paths();
    check_default_chains();
    check_clients();
    check_listeners();
    check_timeouts();
    check_addresses(bound_, report_);
  }

 private:
  void error(std::string_view path, std::string message) {
    report_.error(bound_.places.at(path), std::move(message));
  }

  void check_chain(std::size_t index) {
    const ChainConfig& chain = config_.chains[index];
    const std::string path = bound_.chain_path(index);
    check_settings(path, chain);
    // In `chains` the key is required, which the binder has seen to.
    if (bound_.top_chain && !bound_.places.has("upstreams")) {
      error(path, "there is no upstream; 'upstreams: [http://127.0.0.1:8545]' is enough");
    }
    std::map<std::string_view, std::size_t> names;
    for (std::size_t i = 0; i < chain.upstreams.size(); ++i) {
      const UpstreamConfig& upstream = chain.upstreams[i];
      const std::string here = fmt::format("{}[{}]", join_path(path, "upstreams"), i);
      if (!upstream.name.empty() && !names.emplace(upstream.name, i).second) {
        error(here + ".name",
              fmt::format("two upstreams of a chain are named '{}'", upstream.name));
      }
      check_settings(here, upstream);
      check_upstream_tls(here, upstream);
    }
  }

  void check_upstream_tls(const std::string& path, const UpstreamConfig& upstream) {
    if (upstream.tls.ca.empty()) return;
    const std::string here = path + ".tls.ca";
    if (bound_.places.wrong(path + ".url")) return;
    if (!upstream.url.tls()) {
      error(here, fmt::format("'{}' has no effect on a URL that is not https", here));
    } else {
      check_file(here, upstream.tls.ca);
    }
  }

  void check_file(const std::string& path, const std::string& file) {
    const auto text = environment_.read_file(file);
    if (text) return;
    const bool expanded = bound_.places.expanded(path);
    error(path, fmt::format("cannot read '{}': {}", expanded ? path : printable(file),
                            text.error().detail));
  }

  /// Pairs of keys, where one of the two was written here; what is inherited was judged where it
  /// stands.
  void check_settings(const std::string& path, const PerUpstream& settings) {
    const auto either = [&](std::string_view a, std::string_view b) -> std::optional<std::string> {
      const bool unknown =
          bound_.places.wrong(join_path(path, a)) || bound_.places.wrong(join_path(path, b));
      if (unknown) return std::nullopt;
      for (const std::string_view name : {a, b}) {
        std::string here = join_path(path, name);
        if (bound_.places.has(here)) return here;
      }
      return std::nullopt;
    };
    if (settings.pool.min > settings.pool.max) {
      if (const auto here = either("pool.min", "pool.max")) {
        error(*here, fmt::format("'pool.min' is {}, more than 'pool.max', which is {}",
                                 settings.pool.min, settings.pool.max));
      }
    }
    if (settings.scaler.down >= settings.scaler.up) {
      if (const auto here = either("scaler.up", "scaler.down")) {
        error(*here,
              fmt::format("'scaler.down' is {:g}%, not less than 'scaler.up', which is {:g}%",
                          settings.scaler.down * 100, settings.scaler.up * 100));
      }
    }
    if (settings.health.eject.base > settings.health.eject.max) {
      if (const auto here = either("health.eject.base", "health.eject.max")) {
        error(*here, "'health.eject.base' is longer than 'health.eject.max'");
      }
    }
    if (settings.health.lag.prefer > settings.health.lag.out) {
      if (const auto here = either("health.lag.prefer", "health.lag.out")) {
        error(*here, "'health.lag.prefer' is more than 'health.lag.out'");
      }
    }
  }

  /// `/name`, `/chain_id` and `path` of all chains are one space of paths.
  void check_chain_paths() {
    struct Claim {
      std::size_t chain;
      std::string_view what;
    };
    std::map<std::string, Claim> claims;
    const auto claim = [&](std::size_t index, std::string_view key, const std::string& route) {
      const auto [at, fresh] = claims.emplace(route, Claim{index, key});
      if (fresh || at->second.chain == index) return;
      const std::string& other = config_.chains[at->second.chain].name;
      error(join_path(bound_.chain_path(index), key),
            key == at->second.what
                ? fmt::format("two chains have the {} '{}'", key, std::string_view(route).substr(1))
                : fmt::format("two chains answer at '{}': this {} is the {} of '{}'", route, key,
                              at->second.what, other));
    };
    for (std::size_t i = 0; i < config_.chains.size(); ++i) {
      const ChainConfig& chain = config_.chains[i];
      claim(i, "name", "/" + chain.name);
      if (chain.chain_id != 0) claim(i, "chain_id", fmt::format("/{}", chain.chain_id));
      if (!chain.path.empty()) claim(i, "path", chain.path);
    }
  }

  void check_default_chains() {
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < config_.chains.size(); ++i) {
      if (!config_.chains[i].is_default) continue;
      if (first) {
        error(bound_.chain_path(i) + ".default",
              fmt::format("only one chain can be the default, and '{}' is",
                          config_.chains[*first].name));
      } else {
        first = i;
      }
    }
  }

  void check_clients() {
    std::map<std::string_view, std::size_t> names;
    std::map<std::string_view, std::size_t> keys;
    for (std::size_t i = 0; i < config_.clients.size(); ++i) {
      const ClientConfig& client = config_.clients[i];
      const std::string path = fmt::format("clients[{}]", i);
      if (!client.name.empty() && !names.emplace(client.name, i).second) {
        error(path + ".name", fmt::format("two clients are named '{}'", client.name));
      }
      if (client.key.empty()) continue;
      if (const auto [first, fresh] = keys.emplace(client.key.value(), i); !fresh) {
        error(path + ".key", fmt::format("'{}.key' is the key of client '{}' too", path,
                                         config_.clients[first->second].name));
      }
    }
    if (!config_.anonymous.allow && !bound_.places.has("clients[0]")) {
      error("anonymous.allow",
            "nobody could call: 'anonymous.allow' is false and there are no 'clients'");
    }
  }

  void check_listeners() {
    for (std::size_t i = 0; i < config_.listen.size(); ++i) {
      const ListenConfig& listener = config_.listen[i];
      const std::string path = fmt::format("listen[{}]", i);
      if (bound_.places.wrong(path + ".tls.certificate") ||
          bound_.places.wrong(path + ".tls.key")) {
        continue;
      }
      if (listener.tls.certificate.empty() != listener.tls.key.empty()) {
        error(path + ".tls", fmt::format("'{}.tls' needs both 'certificate' and 'key'", path));
      } else if (listener.tls.enabled()) {
        check_file(path + ".tls.certificate", listener.tls.certificate);
        check_file(path + ".tls.key", listener.tls.key);
      }
      if (listener.proxy_protocol && !bound_.places.has("trusted_proxies[0]")) {
        report_.warning(bound_.places.at(path + ".proxy_protocol"),
                        "no peer may send the PROXY header while 'trusted_proxies' is empty");
      }
    }
  }

  void check_timeouts() {
    if (bound_.places.has("timeout.attempt") && !bound_.places.wrong("timeout.call") &&
        config_.timeout.attempt > config_.timeout.call) {
      report_.warning(bound_.places.at("timeout.attempt"),
                      "'timeout.attempt' is longer than 'timeout.call', which ends an attempt too");
    }
  }

  const Bound& bound_;
  const Config& config_;
  const Environment& environment_;
  Report& report_;
};

}  // namespace

void cross_check(const Bound& bound, const Environment& environment, Report& report) {
  Checker(bound, environment, report).run();
}

}  // namespace sluice::config
