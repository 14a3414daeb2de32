// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "jsonrpc/reply.hpp"
#include "jsonrpc/scan.hpp"

namespace sluice::jsonrpc {

/// Finds the raw `result` or `error` of one reply that is too large to be held, chunk by chunk,
/// wherever chunks are cut. Checks what parse_reply checks, that the id is the expected one, and,
/// more strictly, that `result` and `error` are not both there, since what has been relayed cannot
/// be taken back. Owned by one attempt, used on its worker's thread. Memory is the object itself;
/// it neither keeps chunks nor allocates.
class ReplyStream {
 public:
  enum class State : std::uint8_t {
    kEnvelope,  ///< nothing to relay yet
    kRelay,     ///< inside the value
    kTail,      ///< after the value
    kDone,      ///< the reply is complete and good; only white space may follow
    kBad        ///< malformed, or not the expected reply; for good, and reason() tells why
  };
  enum class Member : std::uint8_t { kNone, kResult, kError };

  struct Step {
    /// The part of this chunk that belongs to the value; empty when the state is kBad. A value of
    /// null is held back until the reply is complete, since the other member may still come; it
    /// then is not a part of the chunk.
    std::string_view relay = {};
    State state = State::kEnvelope;
    Member member = Member::kNone;  ///< whose value it is
  };

  explicit ReplyStream(std::uint64_t expected_id, std::size_t depth_max = kReplyDepthMax) noexcept
      : nesting_(depth_max), expected_id_(expected_id) {}

  void reset(std::uint64_t expected_id, std::size_t depth_max = kReplyDepthMax) noexcept {
    *this = ReplyStream(expected_id, depth_max);
  }

  /// Chunks in order, of any size.
  Step feed(std::string_view chunk) noexcept;

  /// At the end of the body: whether it was one whole, expected reply.
  [[nodiscard]] bool finish() const noexcept { return lex_ == Lex::kEnd; }

  /// Why the state is kBad, or where a reply that ended too early stopped; plain text in static
  /// storage, for logs.
  [[nodiscard]] std::string_view reason() const noexcept { return reason_; }

 private:
  /// What may come next.
  enum class Lex : std::uint8_t {
    kStart,
    kFirstKey,
    kKey,
    kColon,
    kFirstItem,
    kValue,
    kAfter,
    kEnd,
    kString,
    kEscape,
    kHex,
    kUtf8,
    kLiteral,
    kMinus,  // from here on: inside a number, by what was read last
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kSign,
    kPower,
    kBad
  };

  const char* advance(const char* p, const char* end) noexcept;
  const char* on_structure(const char* p, const char* end) noexcept;
  const char* on_key(const char* p) noexcept;
  const char* on_value(const char* p) noexcept;
  const char* on_after(const char* p) noexcept;
  const char* on_string(const char* p, const char* end) noexcept;
  const char* on_escape(const char* p) noexcept;
  const char* on_hex(const char* p) noexcept;
  const char* on_utf8(const char* p) noexcept;
  const char* on_literal(const char* p) noexcept;
  const char* on_number(const char* p, const char* end) noexcept;
  const char* open(const char* p) noexcept;
  const char* bad(const char* p, std::string_view reason) noexcept;
  void string_ended(const char* p) noexcept;
  void value_starts(const char* p) noexcept;
  void value_ended(const char* p) noexcept;
  void relay_starts(const char* p, Member member) noexcept;
  void key_ended() noexcept;
  void reply_ended() noexcept;
  void keep(const char* to) noexcept;

  /// `result` in escapes takes 36 bytes, an id of 64 bits in quotes 22.
  static constexpr std::size_t kKeptMax = 48;

  Nesting nesting_;
  std::uint64_t expected_id_;
  std::string_view reason_ = "the reply is incomplete";

  Lex lex_ = Lex::kStart;
  bool in_key_ = false;    // of the string that is being read
  std::uint8_t rest_ = 0;  // hex digits or UTF-8 bytes that must follow
  std::uint8_t low_ = 0;   // bounds of the next UTF-8 byte
  std::uint8_t high_ = 0;
  std::string_view literal_;  // what is left of it

  ReplyKey key_ = ReplyKey::kOther;  // of the member of the reply that is being read
  unsigned seen_ = 0;                // a bit for each ReplyKey
  Member member_ = Member::kNone;
  bool null_result_ = false;
  bool relaying_ = false;

  // Into the current chunk (or a static null); only of meaning within feed.
  const char* relay_from_ = nullptr;
  const char* relay_to_ = nullptr;
  const char* kept_from_ = nullptr;

  bool keeping_ = false;  // an envelope key or the id
  std::size_t kept_size_ = 0;
  std::array<char, kKeptMax> kept_{};
};

}  // namespace sluice::jsonrpc
