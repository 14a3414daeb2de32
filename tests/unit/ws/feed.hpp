// SPDX-License-Identifier: Apache-2.0
// What the tests and the fuzzer of the WebSocket codec share: frames built by hand, independently
// of the encoder, so that a mistake in it is not hidden by the same mistake in the decoder; and a
// session's buffer in small.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ws/decoder.hpp"

namespace sluice::ws::test {

/// One frame of a test's wire, also a wrong one.
struct FrameSpec {
  unsigned opcode = 1;
  std::string payload;
  bool fin = true;
  unsigned rsv = 0;                      // the three bits, 4 is RSV1
  unsigned length_bytes = 0;             // 0 shortest, 1, 2 or 8 forced
  std::uint64_t declared = kTrueLength;  // length said instead of the payload's
  bool flip_mask = false;                // masked where it may not be and the other way round

  static constexpr std::uint64_t kTrueLength = ~std::uint64_t{0} - 1;
};

inline std::string wire(const FrameSpec& f, Role sender) {
  const std::uint64_t length = f.declared == FrameSpec::kTrueLength ? f.payload.size() : f.declared;
  unsigned bytes = f.length_bytes;
  if (bytes == 0) bytes = length < 126 ? 1 : (length < 65536 ? 2 : 8);
  const bool masked = (sender == Role::kClient) != f.flip_mask;
  std::string out;
  out += static_cast<char>((f.fin ? 0x80U : 0U) | f.rsv << 4 | f.opcode);
  const unsigned code = bytes == 1 ? static_cast<unsigned>(length) : (bytes == 2 ? 126U : 127U);
  out += static_cast<char>((masked ? 0x80U : 0U) | code);
  for (unsigned i = bytes == 1 ? 0 : bytes; i-- > 0;) out += static_cast<char>(length >> (8 * i));
  const std::string key = "\x37\xfa\x21\x3d";
  if (masked) out += key;
  for (std::size_t i = 0; i < f.payload.size(); ++i) {
    out += masked ? static_cast<char>(f.payload[i] ^ key[i % 4]) : f.payload[i];
  }
  return out;
}

inline std::string wire(const std::vector<FrameSpec>& frames, Role sender) {
  std::string out;
  for (const auto& frame : frames) out += wire(frame, sender);
  return out;
}

/// A payload as it stands in a transcript: short and printable as it is, otherwise its size and a
/// hash (FNV-1a).
inline std::string shown(std::string_view payload) {
  const bool plain =
      payload.size() <= 40 &&
      std::all_of(payload.begin(), payload.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (plain) return std::string(payload);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : payload) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return std::to_string(payload.size()) + "#" + std::to_string(hash);
}

inline std::string text(std::string_view payload) {
  return "text(" + shown(payload) + ") ";
}
inline std::string binary(std::string_view payload) {
  return "binary(" + shown(payload) + ") ";
}
inline std::string ping(std::string_view payload) {
  return "ping(" + shown(payload) + ") ";
}
inline std::string pong(std::string_view payload) {
  return "pong(" + shown(payload) + ") ";
}
inline std::string closed(unsigned code, std::string_view reason = {}) {
  return "close(" + std::to_string(code) + "," + shown(reason) + ") ";
}
inline std::string error(unsigned code) {
  return "error(" + std::to_string(code) + ") ";
}

inline std::string shown(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kMessage:
      return event.binary ? binary(event.payload) : text(event.payload);
    case Event::Kind::kPing:
      return ping(event.payload);
    case Event::Kind::kPong:
      return pong(event.payload);
    case Event::Kind::kClose:
      return closed(event.close_code, event.reason);
    case Event::Kind::kError:
      return error(event.close_code);
    case Event::Kind::kNeedMore:
      break;
  }
  return {};
}

/// A decoder with a buffer that moves: each feed gets a fresh allocation of exactly the unconsumed
/// bytes, so that a sanitizer sees any byte read outside them.
class Feeder {
 public:
  explicit Feeder(Role role, Limits limits = {}) : decoder_(role, limits) {}

  void feed(std::string_view bytes, TimePoint now = TimePoint{}) {
    size_t size = rest_size_ + bytes.size();
    std::unique_ptr<char[]> buffer(new char[size]);
    if (rest_size_ != 0) std::memcpy(buffer.get(), rest_.get(), rest_size_);
    if (!bytes.empty()) std::memcpy(buffer.get() + rest_size_, bytes.data(), bytes.size());
    fed_ += bytes.size();
    char* front = buffer.get();
    for (;;) {
      std::size_t consumed = 0;
      const Event event = decoder_.next(front, size, consumed, now);
      transcript_ += shown(event);
      if (event.kind == Event::Kind::kError && failed_at_ == 0) failed_at_ = fed_;
      front += consumed;
      size -= consumed;
      if (event.kind == Event::Kind::kNeedMore) break;
    }
    rest_.reset(new char[size]);
    if (size != 0) std::memcpy(rest_.get(), front, size);
    rest_size_ = size;
  }

  [[nodiscard]] const std::string& transcript() const { return transcript_; }
  [[nodiscard]] Decoder& decoder() { return decoder_; }
  [[nodiscard]] std::size_t held() const { return rest_size_; }
  /// How many bytes had been fed when the error came; 0 without one.
  [[nodiscard]] std::size_t failed_at() const { return failed_at_; }

 private:
  Decoder decoder_;
  std::unique_ptr<char[]> rest_;
  std::size_t rest_size_ = 0;
  std::size_t fed_ = 0;
  std::size_t failed_at_ = 0;
  std::string transcript_;
};

inline std::string decode(Role role, std::string_view bytes, Limits limits = {}) {
  Feeder feeder(role, limits);
  feeder.feed(bytes);
  return feeder.transcript();
}

inline std::string decode_in_steps(Role role, std::string_view bytes, std::size_t step,
                                   Limits limits = {}) {
  Feeder feeder(role, limits);
  for (std::size_t i = 0; i < bytes.size(); i += step) feeder.feed(bytes.substr(i, step));
  return feeder.transcript();
}

inline std::string decode_split(Role role, std::string_view bytes, std::size_t at,
                                Limits limits = {}) {
  Feeder feeder(role, limits);
  feeder.feed(bytes.substr(0, at));
  feeder.feed(bytes.substr(at));
  return feeder.transcript();
}

}  // namespace sluice::ws::test
