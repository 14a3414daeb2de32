// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

/// Splits and validates `host [":" port]` as it stands in a Host field or an absolute target (RFC
/// 9110 7.2, RFC 3986 3.2). Stricter than the RFCs: no percent escapes, sub-delims, IPvFuture or
/// zone ids; at most 255 bytes; a port is 1..65535 and must not be empty after its colon. An IPv6
/// literal is given without its brackets (a name never holds a colon, so nothing is lost). `port`
/// is 0 when absent. False, with the outputs untouched, when invalid; an empty text is invalid.
[[nodiscard]] bool valid_host(std::string_view text, std::string_view& host,
                              std::uint16_t& port) noexcept;

}  // namespace sluice::http
