// SPDX-License-Identifier: Apache-2.0
// Writes envelopes; the only text that Sluice sends on behalf of a client is made here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::jsonrpc {

/// {"jsonrpc":"2.0","id":N,"method":"…"[,"params":…]}; `params` is a raw token that has been
/// scanned, or empty.
void append_request(std::string& out, std::uint64_t id, std::string_view method,
                    std::string_view params);

/// {"jsonrpc":"2.0","id":…,"error":{"code":N,"message":"…"[,"data":…]}}; `id_raw` and `data_raw`
/// are raw tokens, `message` is plain text.
void append_error(std::string& out, std::string_view id_raw, int code, std::string_view message,
                  std::string_view data_raw = {});

/// The content of a JSON string, without quotes. Bytes that are not UTF-8 become U+FFFD, so that
/// whatever text comes in, what goes out is valid.
void append_escaped(std::string& out, std::string_view text);

}  // namespace sluice::jsonrpc
