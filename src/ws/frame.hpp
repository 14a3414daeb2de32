// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ws/mask.hpp"

namespace sluice::ws {

/// Which end of the connection this process is. A client masks what it sends and must get unmasked
/// frames; a server the other way round (RFC 6455, 5.1).
enum class Role : std::uint8_t { kServer, kClient };

enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

/// Status codes of a close frame that this proxy sends or has a special case for (RFC 6455, 7.4.1).
namespace close_code {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kNoStatus = 1005;  // "the frame had none"; never on the wire
inline constexpr std::uint16_t kBadPayload = 1007;
inline constexpr std::uint16_t kPolicy = 1008;
inline constexpr std::uint16_t kTooBig = 1009;
inline constexpr std::uint16_t kInternal = 1011;
inline constexpr std::uint16_t kRestart = 1012;
inline constexpr std::uint16_t kTryLater = 1013;
}  // namespace close_code

inline constexpr std::size_t kControlPayloadMax = 125;
inline constexpr std::size_t kCloseReasonMax = kControlPayloadMax - 2;
inline constexpr std::size_t kFrameHeaderMax = 14;

/// Whether a peer may put the code into a close frame: 1000-1003, 1007-1014 (RFC 6455 and the IANA
/// registry that it set up) and 3000-4999 (registered and private use).
[[nodiscard]] constexpr bool is_valid_close_code(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

/// Writes a frame's header to `out`, which has room for kFrameHeaderMax bytes, and returns its
/// length (2 to 14), so that a payload can follow in a gather write. The length takes its shortest
/// form. `key` is used by a client only, which must mask the payload itself with apply_mask(), and
/// must draw a fresh unguessable key for each frame.
std::size_t write_frame_header(char* out, Role role, Opcode opcode, std::uint64_t payload_size,
                               std::uint32_t key = 0, bool fin = true) noexcept;

/// Appends a whole frame, masked in the client's role. Several frames appended to one string leave
/// in one write. The payload of a control frame is at most kControlPayloadMax bytes; what is beyond
/// is cut off.
void append_frame(std::string& out, Role role, Opcode opcode, std::string_view payload,
                  std::uint32_t key = 0);

/// Appends a close frame. A code that may not be sent (0, kNoStatus, ...) makes an empty one; the
/// reason, which is UTF-8, is cut at a character's edge to fit kCloseReasonMax bytes.
void append_close(std::string& out, Role role, std::uint16_t code, std::string_view reason,
                  std::uint32_t key = 0);

}  // namespace sluice::ws
