// SPDX-License-Identifier: Apache-2.0
// What a browser, a balancer or a misled client may ask of us, beyond HTTP's own grammar: pure
// decisions.
#pragma once

#include <string>
#include <string_view>

#include "frontend/options.hpp"
#include "http/reject.hpp"
#include "http/request_head.hpp"

namespace sluice::frontend {

/// What scripts of an allowed origin may read of a reply.
inline constexpr std::string_view kExposedHeaders =
    "X-Sluice-Upstream, X-Sluice-Attempts, X-Sluice-Cache, X-Sluice-Duration, X-Sluice-Choice, "
    "X-Request-Id, Retry-After";

/// kNone when the Host field may be served here: IP literals, localhost and configured names; any
/// name on an open listener without a list, unless an Origin is sent. Guards nodes from DNS
/// rebinding.
[[nodiscard]] http::Reason check_host(const http::RequestHead& head,
                                      const ListenerOptions& listener);

/// kNone when there is no Origin, it is configured, or it is this very host.
[[nodiscard]] http::Reason check_origin(const http::RequestHead& head, const Options& options);

/// Whether replies to this request carry Access-Control-Allow-Origin.
[[nodiscard]] bool origin_allowed(std::string_view origin, const Options& options);

/// The header lines of a reply to OPTIONS: what is allowed, and to an allowed origin the answer to
/// its CORS preflight.
[[nodiscard]] std::string preflight_headers(const http::RequestHead& head, const Options& options);

/// The client's address: the peer's own, or, from a trusted peer, the last hop in X-Forwarded-For
/// that is not itself trusted. At most 32 hops are looked at; what does not parse ends the walk.
[[nodiscard]] net::asio::ip::address client_address(const net::asio::ip::address& peer,
                                                    const http::RequestHead& head,
                                                    const TrustedNetworks& trusted);

}  // namespace sluice::frontend
