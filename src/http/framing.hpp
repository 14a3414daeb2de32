// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "http/reject.hpp"

namespace sluice::http {

/// How a message ends and whether its connection survives it, gathered field by field (RFC 9112 6
/// and 9). The owner is a parser, which resets it for every message. Nothing ambiguous is repaired:
/// a second field, a list, a sign or a leading zero is an error, whatever order the fields come in.
class Framing {
 public:
  /// Each takes the trimmed value of one field line; kNone when it is acceptable.
  [[nodiscard]] Reason add_content_length(std::string_view value) noexcept;
  [[nodiscard]] Reason add_transfer_encoding(std::string_view value, int minor) noexcept;
  [[nodiscard]] Reason add_connection(std::string_view value) noexcept;
  void add_upgrade(std::string_view value) noexcept;

  [[nodiscard]] bool has_length() const noexcept { return has_length_; }
  [[nodiscard]] bool chunked() const noexcept { return has_coding_; }
  [[nodiscard]] std::uint64_t content_length() const noexcept { return content_length_; }
  /// HTTP/1.1 persists unless told otherwise, HTTP/1.0 only when asked to; `close` beats
  /// `keep-alive`.
  [[nodiscard]] bool keep_alive(int minor) const noexcept {
    return !close_ && (minor == 1 || keep_alive_);
  }
  /// `Upgrade: websocket` that the Connection field names too. Any other protocol is ignored, h2c
  /// above all.
  [[nodiscard]] bool upgrade_websocket() const noexcept {
    return connection_upgrade_ && websocket_;
  }

 private:
  std::uint64_t content_length_ = 0;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool close_ = false;
  bool keep_alive_ = false;
  bool connection_upgrade_ = false;
  bool websocket_ = false;
};

}  // namespace sluice::http
