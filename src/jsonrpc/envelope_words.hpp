// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// The envelope of a reply, around the client's id and a raw value.
namespace sluice::proxy {

inline constexpr std::string_view kEnvelope = R"({"jsonrpc":"2.0","id":)";
inline constexpr std::string_view kResult = R"(,"result":)";
inline constexpr std::string_view kError = R"(,"error":)";
inline constexpr std::string_view kClose = "}";

}  // namespace sluice::proxy
