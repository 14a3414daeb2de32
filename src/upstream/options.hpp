// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace sluice::upstream {

/// What the configuration says of one upstream, as far as connecting and sending to it goes.
/// Immutable; two equal values mean that connections made under one serve the other. Holds secrets
/// (path, authorization, headers): never log it.
struct Options {
  std::string chain;
  std::string name;
  std::string host;
  std::uint16_t port = 80;
  bool tls = false;
  std::string ca_path;
  /// Path and query, from the first slash.
  std::string target = "/";
  /// Value of Authorization, made from the URL's user part; empty for none.
  std::string authorization;
  std::vector<std::pair<std::string, std::string>> headers;

  std::uint32_t connections_min = 1;
  std::uint32_t connections_max = 64;
  Duration idle_timeout = std::chrono::seconds(60);
  Duration age_max = std::chrono::minutes(30);
  Duration connect_timeout = std::chrono::seconds(2);
  /// Connections made before the upstream gets calls, and whether each is tried with one.
  std::uint32_t warm_up = 0;
  bool warm_up_verified = true;
  /// Whether a pool dials a little ahead of its calls.
  bool dials_ahead = false;
  /// A reply up to this many bytes is judged whole; a larger one streams.
  std::uint64_t held_reply_max = 65536;
  /// Bytes of a reply that may be held for a caller that cannot stream.
  std::uint64_t response_max = 268435456;
  bool link_local_allowed = false;

  bool operator==(const Options&) const = default;

  /// The request head up to and with "Content-Length: ", the same for each call.
  [[nodiscard]] std::string request_prefix() const;
};

}  // namespace sluice::upstream
