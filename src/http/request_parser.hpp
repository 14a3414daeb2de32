// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http/framing.hpp"
#include "http/head_lines.hpp"
#include "http/reject.hpp"
#include "http/request_head.hpp"

namespace sluice::http {

/// Strict, resumable parser of one HTTP/1.x request head (RFC 9110, RFC 9112): what is not plainly
/// right is refused, never repaired, because a reader behind us could repair it another way.
///
/// Owned by a client session and used on its thread; reset() between messages. It owns no bytes: it
/// keeps offsets, does work linear in the size of the head however it is fed, and allocates only
/// when a head has more fields than any before it. It does not read bodies, and does not judge what
/// the request asks for: see check_framing().
class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits);
  // A copy's head() would look into the original.
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  RequestParser(RequestParser&&) = default;
  RequestParser& operator=(RequestParser&&) = default;
  ~RequestParser() = default;

  /// Forgets the message; keeps the limits and the warm storage.
  void reset() noexcept;
  /// As reset(), and gives the storage back: for a connection that goes idle.
  void release() noexcept;

  /// `data`: ALL bytes of this message so far, from its first byte, and maybe bytes of its body and
  /// of later messages. The buffer may have moved since the last call. The result for some bytes
  /// does not depend on how they were cut into calls. Called again after kDone it binds the views
  /// of head() to the buffer given, which must start with the same message.
  [[nodiscard]] Status parse(std::string_view data);

  /// Valid after kDone.
  [[nodiscard]] const RequestHead& head() const noexcept { return head_; }
  /// Valid after kDone: where the body begins; skipped empty lines are counted in.
  [[nodiscard]] std::size_t head_bytes() const noexcept { return lines_.begin(); }
  /// Field lines left out of head() because their name holds an underscore, which some back ends
  /// read as a hyphen.
  [[nodiscard]] std::size_t dropped_fields() const noexcept { return dropped_; }
  /// Valid after kReject.
  [[nodiscard]] const Reject& reject() const noexcept { return reject_of(reason_); }

 private:
  enum class Stage : std::uint8_t { kRequestLine, kFields, kDone, kRejected };

  Status parse_request_line(std::string_view seen);
  Status parse_fields(std::string_view seen);
  Reason read_request_line(std::string_view line, const char* base) noexcept;
  Reason read_field(std::string_view line, const char* base);
  Reason note(FieldId id, std::string_view value) noexcept;
  Reason check_complete(const char* base) noexcept;
  Target bind(const char* base) noexcept;
  Status fail(Reason reason) noexcept;

  RequestLimits limits_;
  RequestHead head_;
  Framing framing_;
  HeadLines lines_;
  std::vector<FieldSlot> slots_;
  std::uint64_t seen_ids_ = 0;
  std::uint32_t target_at_ = 0;
  std::uint32_t target_size_ = 0;
  std::uint32_t dropped_ = 0;
  std::uint8_t empty_lines_ = 0;
  Stage stage_ = Stage::kRequestLine;
  Reason reason_ = Reason::kNone;
};

}  // namespace sluice::http
