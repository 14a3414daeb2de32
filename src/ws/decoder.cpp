// SPDX-License-Identifier: Apache-2.0
#include "ws/decoder.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::ws {
namespace {

/// A string that once held a larger message is not kept while the connection idles: there are
/// thousands of them.
constexpr std::size_t kKeepCapacity = std::size_t{4} << 10;

constexpr bool is_control(std::uint8_t first_byte) noexcept {
  return (first_byte & 0x08U) != 0;
}
constexpr bool is_control(Opcode opcode) noexcept {
  return is_control(static_cast<std::uint8_t>(opcode));
}

std::uint64_t big_endian(const char* data, std::size_t bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<std::uint8_t>(data[i]);
  return value;
}

constexpr std::size_t extra_length_bytes(std::uint8_t second_byte) noexcept {
  switch (second_byte & 0x7FU) {
    case 126:
      return 2;
    case 127:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

Event Decoder::next(char* data, std::size_t size, std::size_t& consumed, TimePoint now) {
  consumed = 0;
  release_delivered();
  while (!finished_) {
    if (!frame_.open) {
      Fault fault;
      consumed += read_header(data + consumed, size - consumed, fault);
      if (fault.code != 0) {
        consumed = size;
        return fail(fault);
      }
      if (!frame_.open) return {};
    }
    char* payload = data + consumed;
    const std::size_t available = size - consumed;
    std::size_t used = 0;
    Event event;
    if (is_control(frame_.opcode)) {
      event = take_control(payload, available, used, now);
    } else if (in_buffer()) {
      event = take_whole(payload, available, used);
    } else {
      event = take_fragment(payload, available, used);
    }
    consumed = finished_ ? size : consumed + used;
    if (event.kind != Event::Kind::kNeedMore || frame_.open) return event;
  }
  consumed = size;
  return {};
}

bool Decoder::wants_large(std::size_t& total) const noexcept {
  if (!frame_.open || !(is_control(frame_.opcode) || in_buffer())) return false;
  total = static_cast<std::size_t>(frame_.size);
  return true;
}

/// A message that is one frame stays where it is; everything else is gathered.
bool Decoder::in_buffer() const noexcept {
  return frame_.fin && frame_.opcode != Opcode::kContinuation;
}

/// Opens a frame and returns its header's size, or 0 while bytes are missing. Each byte is judged
/// as soon as it is there, in the order of the wire: the verdict is the same however the header is
/// cut.
std::size_t Decoder::read_header(const char* data, std::size_t size, Fault& fault) noexcept {
  if (size < 1) return 0;
  const auto first = static_cast<std::uint8_t>(data[0]);
  fault = check_first(first);
  if (fault.code != 0 || size < 2) return 0;
  const auto second = static_cast<std::uint8_t>(data[1]);
  fault = check_second(first, second);
  if (fault.code != 0) return 0;

  const std::size_t extra = extra_length_bytes(second);
  if (extra == 8 && size > 2 && (static_cast<std::uint8_t>(data[2]) & 0x80U) != 0) {
    fault = {close_code::kProtocolError, "frame length above 2^63 - 1"};
    return 0;
  }
  if (size < 2 + extra) return 0;
  const std::uint64_t length = extra == 0 ? second & 0x7FU : big_endian(data + 2, extra);
  if (!is_control(first)) fault = check_length(length, extra);
  const std::size_t key_bytes = role_ == Role::kServer ? 4 : 0;
  const std::size_t total = 2 + extra + key_bytes;
  if (fault.code != 0 || size < total) return 0;

  frame_ = Frame{};
  frame_.fin = (first & 0x80U) != 0;
  frame_.opcode = static_cast<Opcode>(first & 0x0FU);
  frame_.size = length;
  std::memcpy(frame_.key.data(), data + 2 + extra, key_bytes);
  if (!is_control(first)) fault = begin_data_frame();
  if (fault.code != 0) return 0;
  frame_.open = true;
  return total;
}

Decoder::Fault Decoder::check_first(std::uint8_t byte) const noexcept {
  const unsigned opcode = byte & 0x0FU;
  if ((byte & 0x70U) != 0) {
    return {close_code::kProtocolError, "reserved bit set without an extension"};
  }
  if ((opcode > 0x2 && opcode < 0x8) || opcode > 0xA) {
    return {close_code::kProtocolError, "reserved opcode"};
  }
  if (is_control(byte)) {
    if ((byte & 0x80U) == 0) return {close_code::kProtocolError, "fragmented control frame"};
  } else if (opcode == 0 && !in_message_) {
    return {close_code::kProtocolError, "continuation without a message"};
  } else if (opcode != 0 && in_message_) {
    return {close_code::kProtocolError, "new message inside a fragmented one"};
  }
  return {};
}

Decoder::Fault Decoder::check_second(std::uint8_t first, std::uint8_t second) const noexcept {
  const bool masked = (second & 0x80U) != 0;
  if (masked != (role_ == Role::kServer)) {
    return {close_code::kProtocolError, masked ? "masked frame from a server" : "unmasked frame"};
  }
  if (is_control(first) && (second & 0x7FU) > kControlPayloadMax) {
    return {close_code::kProtocolError, "control frame above 125 bytes"};
  }
  return {};
}

Decoder::Fault Decoder::check_length(std::uint64_t length, std::size_t extra) const noexcept {
  if ((extra == 2 && length < 126) || (extra == 8 && length <= 0xFFFF)) {
    return {close_code::kProtocolError, "frame length not in its shortest form"};
  }
  const std::uint64_t gathered = in_message_ ? message_.size() : 0;
  if (length > limits_.message_bytes_max - std::min(gathered, limits_.message_bytes_max)) {
    return {close_code::kTooBig, "message too big"};
  }
  return {};
}

Decoder::Fault Decoder::begin_data_frame() noexcept {
  if (frame_.opcode != Opcode::kContinuation) {
    binary_ = frame_.opcode == Opcode::kBinary;
    fragments_ = 0;
    empty_fragments_ = 0;
    in_message_ = !frame_.fin;
  }
  if (in_buffer()) return {};
  if (fragments_ >= limits_.fragments_max) return {close_code::kPolicy, "too many fragments"};
  ++fragments_;
  if (frame_.size != 0) return {};
  if (empty_fragments_ >= limits_.empty_fragments_max) {
    return {close_code::kPolicy, "too many empty fragments"};
  }
  ++empty_fragments_;
  return {};
}

Event Decoder::take_control(char* data, std::size_t size, std::size_t& used, TimePoint now) {
  if (size < frame_.size) return {};
  used = static_cast<std::size_t>(frame_.size);
  if (role_ == Role::kServer) apply_mask(data, used, frame_.key, 0);
  frame_.open = false;
  const std::string_view payload(data, used);
  switch (frame_.opcode) {
    case Opcode::kPing:
      return ping(payload, now);
    case Opcode::kPong: {
      Event event;
      event.kind = Event::Kind::kPong;
      event.payload = payload;
      return event;
    }
    default:
      return close(payload);
  }
}

Event Decoder::take_whole(char* data, std::size_t size, std::size_t& used) {
  const auto have = static_cast<std::size_t>(std::min<std::uint64_t>(size, frame_.size));
  const bool last = have == frame_.size;
  if (!ready_up(data, have) || (last && !binary_ && !utf8_.complete())) {
    return fail({close_code::kBadPayload, "text that is not UTF-8"});
  }
  if (!last) return {};
  used = have;
  frame_.open = false;
  Event event;
  event.kind = Event::Kind::kMessage;
  event.binary = binary_;
  event.payload = {data, have};
  return event;
}

Event Decoder::take_fragment(char* data, std::size_t size, std::size_t& used) {
  // Bytes leave the buffer as they come, so the frame is counted down from its front.
  used = static_cast<std::size_t>(std::min<std::uint64_t>(size, frame_.size - frame_.ready));
  const bool last = frame_.ready + used == frame_.size;
  if (role_ == Role::kServer) apply_mask(data, used, frame_.key, frame_.ready);
  frame_.ready += used;
  if (!binary_ && (!utf8_.feed(data, used) || (last && frame_.fin && !utf8_.complete()))) {
    return fail({close_code::kBadPayload, "text that is not UTF-8"});
  }
  message_.append(data, used);
  if (!last) return {};
  frame_.open = false;
  if (!frame_.fin) return {};
  in_message_ = false;
  delivered_ = true;
  Event event;
  event.kind = Event::Kind::kMessage;
  event.binary = binary_;
  event.payload = message_;
  return event;
}

/// Unmasks and checks the part of a frame in the buffer that is new since the last call.
bool Decoder::ready_up(char* data, std::size_t size) noexcept {
  const auto done = static_cast<std::size_t>(frame_.ready);
  if (size <= done) return true;
  if (role_ == Role::kServer) apply_mask(data + done, size - done, frame_.key, frame_.ready);
  frame_.ready = size;
  return binary_ || utf8_.feed(data + done, size - done);
}

/// Counts in windows of a second, each opened by the first ping after the one before.
Event Decoder::ping(std::string_view payload, TimePoint now) noexcept {
  if (pings_ == 0 || now - ping_window_ >= std::chrono::seconds(1)) {
    ping_window_ = now;
    pings_ = 0;
  }
  if (pings_ >= limits_.pings_per_s_max) return fail({close_code::kPolicy, "too many pings"});
  ++pings_;
  Event event;
  event.kind = Event::Kind::kPing;
  event.payload = payload;
  return event;
}

Event Decoder::close(std::string_view payload) noexcept {
  Event event;
  event.kind = Event::Kind::kClose;
  event.close_code = close_code::kNoStatus;
  if (!payload.empty()) {
    if (payload.size() < 2) return fail({close_code::kProtocolError, "close code cut short"});
    event.close_code = static_cast<std::uint16_t>(big_endian(payload.data(), 2));
    event.reason = payload.substr(2);
    if (!is_valid_close_code(event.close_code)) {
      return fail({close_code::kProtocolError, "invalid close code"});
    }
    if (!is_utf8(event.reason)) {
      return fail({close_code::kBadPayload, "close reason that is not UTF-8"});
    }
  }
  finished_ = true;
  return event;
}

Event Decoder::fail(const Fault& fault) noexcept {
  finished_ = true;
  frame_.open = false;
  Event event;
  event.kind = Event::Kind::kError;
  event.close_code = fault.code;
  event.reason = fault.reason;
  return event;
}

void Decoder::release_delivered() noexcept {
  if (!delivered_) return;
  delivered_ = false;
  if (message_.capacity() > kKeepCapacity) {
    std::string().swap(message_);
  } else {
    message_.clear();
  }
}

void append_close_reply(std::string& out, Role role, const Event& event, std::uint32_t key) {
  const bool error = event.kind == Event::Kind::kError;
  append_close(out, role, event.close_code, error ? event.reason : std::string_view{}, key);
}

}  // namespace sluice::ws
