// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The canonical JSON-RPC envelope, in which every call goes to a node: written from its parts,
/// never forwarded. Method names are plain: the method filter lets no other through.
namespace sluice::upstream {

/// Params as they are sent: an empty array where the client gave none.
[[nodiscard]] constexpr std::string_view sent_params(std::string_view params) noexcept {
  return params.empty() ? "[]" : params;
}

/// Bytes of the whole envelope.
[[nodiscard]] std::size_t call_bytes(std::uint64_t id, std::string_view method,
                                     std::string_view params) noexcept;
/// Appends the envelope up to its params, which then follow, and a closing brace.
void append_call_begin(std::string& out, std::uint64_t id, std::string_view method);

}  // namespace sluice::upstream
