// SPDX-License-Identifier: Apache-2.0
#include "frontend/rules.hpp"

#include <algorithm>

#include "http/authority.hpp"
#include "http/characters.hpp"

namespace sluice::frontend {

namespace {

bool is_ip_literal(std::string_view host) {
  net::ErrorCode error;
  net::asio::ip::make_address(std::string(host), error);
  return !error;
}

bool contains_ignoring_case(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const auto& n) { return http::iequals(n, name); });
}

/// "https://example.org:8443" -> "example.org:8443".
std::string_view origin_authority(std::string_view origin) {
  const auto scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

/// IPv4 addresses that are written as IPv6 ones are IPv4 addresses.
net::asio::ip::address normal(const net::asio::ip::address& address) {
  namespace ip = net::asio::ip;
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

constexpr std::string_view kAllowed =
    "Content-Type, Authorization, X-API-Key, X-Request-Id, X-Sluice-Priority, X-Sluice-Timeout, "
    "X-Sluice-Affinity, X-Sluice-Use-Upstream, X-Sluice-Debug, traceparent, tracestate";

}  // namespace

bool TrustedNetworks::contains(const net::asio::ip::address& address) const {
  if (address.is_v4()) {
    return std::ranges::any_of(v4, [&](const auto& network) {
      return network.canonical() ==
             net::asio::ip::make_network_v4(address.to_v4(), network.prefix_length()).canonical();
    });
  }
  return std::ranges::any_of(v6, [&](const auto& network) {
    return network.canonical() ==
           net::asio::ip::make_network_v6(address.to_v6(), network.prefix_length()).canonical();
  });
}

http::Reason check_host(const http::RequestHead& head, const ListenerOptions& listener) {
  if (head.host.empty())
    return head.minor == 0 && head.host.data() == nullptr ? http::Reason::kNone
                                                          : http::Reason::kHostRefused;
  std::string_view host;
  std::uint16_t port = 0;
  if (!http::valid_host(head.host, host, port)) return http::Reason::kHostRefused;
  if (http::iequals(host, "localhost") || contains_ignoring_case(listener.hosts, host) ||
      is_ip_literal(host)) {
    return http::Reason::kNone;
  }
  const bool open = !listener.loopback && listener.hosts.empty() && head.origin.empty();
  return open ? http::Reason::kNone : http::Reason::kHostRefused;
}

bool origin_allowed(std::string_view origin, const Options& options) {
  return !origin.empty() && std::ranges::any_of(options.cors_origins, [&](const auto& allowed) {
    return allowed == "*" || http::iequals(allowed, origin);
  });
}

http::Reason check_origin(const http::RequestHead& head, const Options& options) {
  if (head.origin.empty() || origin_allowed(head.origin, options)) return http::Reason::kNone;
  const bool same = !head.host.empty() && http::iequals(origin_authority(head.origin), head.host);
  return same ? http::Reason::kNone : http::Reason::kOriginRefused;
}

std::string preflight_headers(const http::RequestHead& head, const Options& options) {
  std::string lines = "Allow: POST, OPTIONS\r\n";
  if (!origin_allowed(head.origin, options)) return lines;
  lines += "Access-Control-Allow-Origin: " + std::string(head.origin) + "\r\nVary: Origin\r\n";
  lines += "Access-Control-Allow-Methods: POST, OPTIONS\r\nAccess-Control-Allow-Headers: ";
  lines += kAllowed;
  lines += "\r\nAccess-Control-Expose-Headers: ";
  lines += kExposedHeaders;
  lines += "\r\nAccess-Control-Max-Age: " + std::to_string(options.cors_max_age_s) + "\r\n";
  return lines;
}

net::asio::ip::address client_address(const net::asio::ip::address& peer,
                                      const http::RequestHead& head,
                                      const TrustedNetworks& trusted) {
  constexpr int kHopsMax = 32;
  net::asio::ip::address current = normal(peer);
  std::string_view hops = head.forwarded_for;
  for (int i = 0; i < kHopsMax && !hops.empty() && trusted.contains(current); ++i) {
    const auto comma = hops.rfind(',');
    const auto hop =
        http::trim_ows(comma == std::string_view::npos ? hops : hops.substr(comma + 1));
    hops = comma == std::string_view::npos ? std::string_view() : hops.substr(0, comma);
    net::ErrorCode error;
    const auto address = net::asio::ip::make_address(std::string(hop), error);
    if (error) break;
    current = normal(address);
  }
  return current;
}

}  // namespace sluice::frontend
