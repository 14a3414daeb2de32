// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "http/reject.hpp"
#include "http/request_head.hpp"

namespace sluice::http {

/// The methods that check_framing lets through, for the Allow field of a 405.
inline constexpr std::string_view kAllowedMethods = "GET, HEAD, POST, OPTIONS";

/// What a well-formed request may not ask of a JSON-RPC server, before a byte of its body is read:
/// other methods, a body on any method but POST (405), POST without a length (411), a declared
/// length over the limit (413), an encoded body or one that is not JSON in UTF-8 (415), an upgrade
/// by POST (400). Pure. A Reject closes the connection, since the body stays unread. A chunked
/// body's size is for ChunkDecoder to bound.
[[nodiscard]] std::optional<Reject> check_framing(const RequestHead& head,
                                                  const RequestLimits& limits) noexcept;

}  // namespace sluice::http
