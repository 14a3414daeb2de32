// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace sluice::frontend {

/// What a balancer said of its client (PROXY protocol, versions 1 and 2, HAProxy's specification of
/// 2020).
struct ProxyHeader {
  enum class Status : std::uint8_t { kNeedMore, kDone, kBad };
  Status status = Status::kNeedMore;
  /// Bytes that the header takes.
  std::size_t bytes = 0;
  /// Absent for UNKNOWN and LOCAL: the balancer's own connection, a health check for instance.
  std::optional<boost::asio::ip::address> source;
};

/// Reads the header at the start of `data`, all bytes of the connection so far. At most 107 bytes
/// (version 1) or 16 + 1024 (version 2); more is bad. Type-length values behind the addresses are
/// skipped.
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view data);

}  // namespace sluice::frontend
