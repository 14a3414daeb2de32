// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// The envelopes of JSON-RPC 2.0 as they are written, around ids and raw values.
namespace sluice::jsonrpc {

inline constexpr std::string_view kBeforeId = R"({"jsonrpc":"2.0","id":)";
inline constexpr std::string_view kBeforeMethod = R"(,"method":")";
/// Closes the method's name too.
inline constexpr std::string_view kBeforeParams = R"(","params":)";
inline constexpr std::string_view kBeforeResult = R"(,"result":)";
inline constexpr std::string_view kBeforeError = R"(,"error":)";
inline constexpr std::string_view kClose = "}";

}  // namespace sluice::jsonrpc
