// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "ws/frame.hpp"
#include "ws/utf8.hpp"

namespace sluice::ws {

/// What a peer may ask of us. The number of fragments is generous because real clients make many:
/// nodes and clients in Go flush a frame every 1 KiB, and end a message with an empty one.
struct Limits {
  std::uint64_t message_bytes_max = std::uint64_t{16} << 20;  // over: 1009
  std::uint32_t fragments_max = 32768;                        // frames of one message; over: 1008
  std::uint32_t empty_fragments_max = 64;                     // of them without payload; over: 1008
  std::uint32_t pings_per_s_max = 50;                         // over: 1008
};

/// What stood in the bytes. Views are valid until the next call of the decoder or until the
/// caller's buffer changes.
struct Event {
  enum class Kind : std::uint8_t { kNeedMore, kMessage, kPing, kPong, kClose, kError };
  Kind kind = Kind::kNeedMore;
  bool binary = false;           // kMessage
  std::uint16_t close_code = 0;  // kClose: the peer's, or 1005; kError: to be sent
  std::string_view payload;      // kMessage, kPing, kPong
  std::string_view reason;       // kClose: the peer's; kError: ours, static
};

/// The reading half of a strict WebSocket codec (RFC 6455) without I/O, for both legs. One per
/// connection, owned by its session, on that session's worker. It unmasks in the caller's buffer; a
/// message of one frame is a view into it, only a fragmented one is gathered in a string of the
/// decoder's, which grows by what has come, never by what was declared. It does not answer: the
/// session sends pongs, closes and errors with frame.hpp. It knows no extension.
///
/// It stands in place of Boost.Beast's stream for these reasons, checked against Beast 1.81 by
/// reading and running it:
/// - the stream joins fragments inside and shows no count of them; 200000 empty ones pass without a
/// word;
/// - it accepts a text that ends inside a character if the last fragment is empty, close codes
/// above 4999, and any
///   Sec-WebSocket-Key of up to 24 characters, even an empty one; it answers a length with the top
///   bit set with 1009 rather than 1002, refuses code 1014, and looks at a header's first byte only
///   when all of it is there;
/// - each message, and each pong, is a write operation of its own under the stream's write lock:
/// several messages
///   cannot leave in one system call.
class Decoder {
 public:
  explicit Decoder(Role role, Limits limits = {}) noexcept : role_(role), limits_(limits) {}

  /// Reads on in the bytes that are not consumed yet. Call it until it says kNeedMore, each time
  /// dropping `consumed` bytes from the front, but not before the event's views were used. The
  /// bytes that stay must be given again at the front, as this call left them (part of them is
  /// unmasked already); they may have moved. After kClose or kError everything is consumed and
  /// ignored. The call that says kNeedMore also gives back the memory of a gathered message, so
  /// make it even when no bytes are left. Total work is linear in the bytes, however they are cut.
  [[nodiscard]] Event next(char* data, std::size_t size, std::size_t& consumed, TimePoint now);

  /// True when the frame that is being read must lie in the buffer as a whole: `total` is then how
  /// many unconsumed bytes that takes (at most Limits::message_bytes_max). The buffer should grow
  /// towards it as bytes come, since the number is only the peer's word. Frames of a fragmented
  /// message never ask for it.
  [[nodiscard]] bool wants_large(std::size_t& total) const noexcept;

  /// Whether a close frame or an error has ended the stream.
  [[nodiscard]] bool finished() const noexcept { return finished_; }

 private:
  struct Fault {
    std::uint16_t code = 0;  // 0: none
    std::string_view reason;
  };
  struct Frame {
    bool open = false;  // its header has been read, its payload not yet
    bool fin = false;
    Opcode opcode = Opcode::kContinuation;
    MaskKey key{};
    std::uint64_t size = 0;
    std::uint64_t ready =
        0;  // payload bytes unmasked and checked; they may still lie in the caller's buffer
  };

  [[nodiscard]] std::size_t read_header(const char* data, std::size_t size, Fault& fault) noexcept;
  [[nodiscard]] Fault check_first(std::uint8_t byte) const noexcept;
  [[nodiscard]] Fault check_second(std::uint8_t first, std::uint8_t second) const noexcept;
  [[nodiscard]] Fault check_length(std::uint64_t length, std::size_t extra) const noexcept;
  [[nodiscard]] Fault begin_data_frame() noexcept;
  [[nodiscard]] bool in_buffer() const noexcept;

  [[nodiscard]] Event take_control(char* data, std::size_t size, std::size_t& used, TimePoint now);
  [[nodiscard]] Event take_whole(char* data, std::size_t size, std::size_t& used);
  [[nodiscard]] Event take_fragment(char* data, std::size_t size, std::size_t& used);
  [[nodiscard]] Event ping(std::string_view payload, TimePoint now) noexcept;
  [[nodiscard]] Event close(std::string_view payload) noexcept;
  [[nodiscard]] bool ready_up(char* data, std::size_t size) noexcept;
  [[nodiscard]] Event fail(const Fault& fault) noexcept;
  void release_delivered() noexcept;

  Role role_;
  bool finished_ = false;
  bool in_message_ = false;  // a fragmented message has begun and not ended
  bool binary_ = false;
  bool delivered_ = false;  // message_ was handed out and is free to go
  Utf8Validator utf8_;      // between characters whenever a message begins: none may end otherwise
  Limits limits_;
  Frame frame_;
  std::uint32_t fragments_ = 0;
  std::uint32_t empty_fragments_ = 0;
  std::uint32_t pings_ = 0;
  TimePoint ping_window_{};
  std::string message_;
};

/// Appends the close frame that answers a kClose (the peer's code again, or none if it gave none;
/// RFC 6455, 5.5.1) or reports a kError.
void append_close_reply(std::string& out, Role role, const Event& event, std::uint32_t key = 0);

}  // namespace sluice::ws
