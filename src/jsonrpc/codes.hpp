// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sluice::jsonrpc {

/// Error codes of JSON-RPC 2.0, section 5.1, as this module assigns them. Codes of upstreams pass
/// as they are.
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kInvalidParams = -32602;

}  // namespace sluice::jsonrpc
