// SPDX-License-Identifier: Apache-2.0
#include "ws/handshake.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

namespace sluice::ws {
namespace {

constexpr std::size_t kKeySize = 24;
constexpr std::string_view kKeyPadding = "==";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

constexpr bool is_base64(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

}  // namespace

bool is_valid_key(std::string_view key) noexcept {
  // The last digit's unused bits may be set: the decoded value is 16 bytes all the same, and some
  // clients draw their keys as random characters.
  if (key.size() != kKeySize || !key.ends_with(kKeyPadding)) return false;
  key.remove_suffix(kKeyPadding.size());
  return std::all_of(key.begin(), key.end(), is_base64);
}

std::optional<HandshakeReject> check_upgrade(const UpgradeRequest& request) noexcept {
  if (request.method != "GET") {
    return HandshakeReject{400, "ws_method", "a WebSocket handshake must be a GET", {}};
  }
  if (request.minor < 1) {
    return HandshakeReject{400, "ws_http_version", "a WebSocket handshake needs HTTP/1.1", {}};
  }
  if (request.version != "13") {
    // RFC 9110, 15.5.22 wants Upgrade in a 426 as well.
    return HandshakeReject{426, "ws_version", "this server speaks WebSocket version 13",
                           "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"};
  }
  if (!is_valid_key(request.key)) {
    return HandshakeReject{400, "ws_key", "Sec-WebSocket-Key must be the base64 of 16 bytes", {}};
  }
  return std::nullopt;
}

std::string accept_key(std::string_view key) {
  std::string input;
  input.reserve(key.size() + kGuid.size());
  input.append(key).append(kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned digest_size = 0;
  if (EVP_Digest(input.data(), input.size(), digest.data(), &digest_size, EVP_sha1(), nullptr) !=
      1) {
    return {};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE / 3 * 4 + 5> text;
  const int size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest_size));
  return {text.begin(), text.begin() + size};
}

void write_accept_head(std::string& out, std::string_view accept, std::string_view protocol,
                       std::string_view fields) {
  out.append(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ");
  out.append(accept).append("\r\n");
  if (!protocol.empty()) out.append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
  out.append(fields).append("\r\n");
}

}  // namespace sluice::ws
