// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::ws {

/// What of an HTTP request decides whether it may become a WebSocket. The HTTP parser has already
/// refused repeated Sec-WebSocket-* fields and seen `Connection: upgrade` and `Upgrade: websocket`;
/// absent fields are empty.
struct UpgradeRequest {
  std::string_view method;
  int minor = 1;  // of HTTP/1.minor
  std::string_view key;
  std::string_view version;
};

/// The HTTP answer to a handshake that is refused. All text is static.
struct HandshakeReject {
  int status = 0;
  std::string_view reason;  // short name for counters
  std::string_view text;    // one line for the client
  std::string_view
      fields;  // header lines that the answer must carry, each with its line end; may be empty
};

/// The checks of RFC 6455, 4.2.1 that are left to this layer: 426 with the version spoken here for
/// any other (or no) version, 400 for the rest. Origin and Host are the caller's policy.
[[nodiscard]] std::optional<HandshakeReject> check_upgrade(const UpgradeRequest& request) noexcept;

/// Whether the field value is the base64 of 16 bytes.
[[nodiscard]] bool is_valid_key(std::string_view key) noexcept;

/// Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2), on either leg. Empty if the crypto library has
/// no SHA-1.
[[nodiscard]] std::string accept_key(std::string_view key);

/// Appends the 101 head. `accept` is from accept_key(). `protocol` is the one subprotocol chosen
/// from the client's offer, or empty; `fields` are further header lines, each with its line end.
/// Both must come free of line breaks within a value, as the HTTP parser leaves them. No extension
/// is ever accepted.
void write_accept_head(std::string& out, std::string_view accept, std::string_view protocol = {},
                       std::string_view fields = {});

}  // namespace sluice::ws
