// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "ws/frame.hpp"

namespace sluice::ws {

/// The one answer that is owed for pings: while an earlier pong cannot leave yet, a newer ping
/// takes its place (RFC 6455, 5.5.3 allows to answer only the latest), so that pings to a peer that
/// does not read cost no memory. Owned by a session, on its worker; allocates nothing.
class PendingPong {
 public:
  /// `payload` is that of a ping from the decoder: at most kControlPayloadMax bytes.
  void owe(std::string_view payload) noexcept {
    size_ = static_cast<std::uint8_t>(std::min(payload.size(), kControlPayloadMax));
    std::copy_n(payload.data(), size_, payload_.data());
    owed_ = true;
  }

  [[nodiscard]] bool owed() const noexcept { return owed_; }

  /// Appends the pong to `out` if one is owed; call it when the previous write has left.
  void append_to(std::string& out, Role role, std::uint32_t key = 0) {
    if (!owed_) return;
    owed_ = false;
    append_frame(out, role, Opcode::kPong, {payload_.data(), size_}, key);
  }

 private:
  std::array<char, kControlPayloadMax> payload_{};
  std::uint8_t size_ = 0;
  bool owed_ = false;
};

}  // namespace sluice::ws
