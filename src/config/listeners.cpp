// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <fmt/format.h>

#include "config/cross_check.hpp"

namespace sluice::config {
namespace {

struct Listening {
  std::string path;
  Address address;
};

std::vector<Listening> all_listening(const Config& config) {
  std::vector<Listening> out;
  out.reserve(config.listen.size() + 1);
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    out.push_back({fmt::format("listen[{}].address", i), config.listen[i].address});
  }
  out.push_back({"admin.listen", config.admin.listen});
  return out;
}

Ip ip_of(const std::string& host) {
  if (const auto ip = parse_ip(host)) return *ip;
  return *parse_ip("127.0.0.1");  // an Address holds an IP or "localhost"
}

/// Two binds that cannot both succeed: the same address, or one of them any address of the family.
bool clash(const Address& a, const Address& b) {
  if (a.port == 0 || a.port != b.port) return false;
  const Ip left = ip_of(a.host);
  const Ip right = ip_of(b.host);
  if (left == right) return true;
  return left.is_v4() == right.is_v4() && (left.is_any() || right.is_any());
}

/// Whether a connection to the URL's host would end at the listener, as far as that shows without
/// asking a resolver.
bool reaches(const Url& url, const Address& address) {
  if (address.port == 0 || url.port != address.port) return false;
  if (url.host == address.host) return true;
  const auto host = parse_ip(url.host);
  const bool here = url.host == "localhost" || url.host.ends_with(".localhost") ||
                    (host && (host->is_loopback() || host->is_any()));
  const Ip bound = ip_of(address.host);
  if (here) return bound.is_loopback() || bound.is_any();
  return host && *host == bound;
}

}  // namespace

void check_addresses(const Bound& bound, Report& report) {
  const Config& config = bound.config;
  const auto listening = all_listening(config);
  for (std::size_t i = 0; i < listening.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!clash(listening[i].address, listening[j].address)) continue;
      // The admin port comes last in the list, but only what was written can be pointed at.
      const bool written = bound.places.has(listening[i].path);
      const Listening& at = written ? listening[i] : listening[j];
      const Listening& other = written ? listening[j] : listening[i];
      report.error(bound.places.at(at.path),
                   fmt::format("'{}' is {}, which '{}' takes already ({})", at.path,
                               at.address.text(), other.path, other.address.text()));
    }
  }
  for (std::size_t i = 0; i < config.chains.size(); ++i) {
    const auto& upstreams = config.chains[i].upstreams;
    for (std::size_t j = 0; j < upstreams.size(); ++j) {
      const UpstreamConfig& upstream = upstreams[j];
      const std::string path =
          fmt::format("{}[{}].url", join_path(bound.chain_path(i), "upstreams"), j);
      for (const Listening& own : listening) {
        if (!reaches(upstream.url, own.address)) continue;
        report.error(bound.places.at(path), fmt::format("'{}' is Sluice itself: '{}' is {}", path,
                                                        own.path, own.address.text()));
      }
      const auto ip = parse_ip(upstream.url.host);
      if (ip && ip->is_link_local() && !upstream.allow_link_local) {
        report.error(bound.places.at(path),
                     fmt::format("'{}' is a link-local address, where clouds keep their metadata "
                                 "service; set 'allow_link_local' if it is a node",
                                 path));
      }
    }
  }
}

}  // namespace sluice::config
