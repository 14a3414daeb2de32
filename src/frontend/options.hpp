// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "base/clock.hpp"
#include "http/request_head.hpp"
#include "net/tls.hpp"

namespace sluice::frontend {

/// Limits and rules for all sessions of a worker; replaced as a whole by a reload and picked up by
/// each session with its next request.
struct Options {
  http::RequestLimits http;
  Duration header_timeout = std::chrono::seconds(5);
  Duration body_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(75);
  std::vector<std::string> cors_origins;
  std::uint64_t cors_max_age_s = 600;
  std::uint64_t websocket_message_max = 16777216;
  std::uint32_t websocket_in_flight_max = 1000;
  std::uint32_t websocket_pings_per_s = 50;
};

/// What belongs to one listening address. Shared, immutable, kept alive by the sessions that came
/// through it.
struct ListenerOptions {
  /// Accepted Host names beyond IP literals and localhost, in lower case.
  std::vector<std::string> hosts;
  bool loopback = true;
  bool proxy_protocol = false;
  std::shared_ptr<net::ServerTls> tls;
};

/// A network in CIDR form that may set X-Forwarded-For or speak the PROXY protocol.
struct TrustedNetworks {
  std::vector<net::asio::ip::network_v4> v4;
  std::vector<net::asio::ip::network_v6> v6;
  [[nodiscard]] bool contains(const net::asio::ip::address& address) const;
};

}  // namespace sluice::frontend
