// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http/field.hpp"
#include "http/framing.hpp"
#include "http/head_lines.hpp"
#include "http/reject.hpp"

namespace sluice::http {

struct ResponseLimits {
  std::size_t head_bytes_max = 32768;  // interim responses included
  std::size_t fields_max = 128;        // of one head
  int interim_max = 8;
};

/// A final response head. The views point into the buffer of the last parse call.
struct ResponseHead {
  int status = 0;
  int minor = 1;
  bool keep_alive = false;
  bool chunked = false;
  /// The body has exactly content_length bytes; also true, with 0, where a status rules a body out.
  bool has_length = false;
  /// The body ends where the connection ends, so that a cut cannot be told from an end.
  bool close_delimited = false;
  std::uint64_t content_length = 0;
  std::string_view content_type;
  std::string_view content_encoding;
  std::string_view retry_after;
  std::string_view location;
  /// Value of Keep-Alive, as "timeout=5, max=100".
  std::string_view keep_alive_words;

  [[nodiscard]] const FieldList& fields() const noexcept { return field_list; }

  FieldList field_list;
};

/// Strict, resumable parser of the response to one POST or GET (never HEAD: its framing differs),
/// the counterpart of RequestParser with the same ownership and the same promises. Skips interim
/// responses; refuses ambiguous framing, HTTP/0.9, folded lines, and a 101 that was not asked for.
class ResponseParser {
 public:
  explicit ResponseParser(const ResponseLimits& limits);
  // A copy's head() would look into the original.
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;
  ResponseParser(ResponseParser&&) = default;
  ResponseParser& operator=(ResponseParser&&) = default;
  ~ResponseParser() = default;

  /// Forgets the message. With `upgrade_asked`, a 101 is a final response without a body.
  void reset(bool upgrade_asked = false) noexcept;
  /// As reset(), and gives the storage back: for a connection that goes idle.
  void release() noexcept;

  /// As RequestParser::parse: `data` starts with the first byte after the request was sent.
  [[nodiscard]] Status parse(std::string_view data);

  [[nodiscard]] const ResponseHead& head() const noexcept { return head_; }
  /// Valid after kDone: where the body begins; skipped interim responses are counted in.
  [[nodiscard]] std::size_t head_bytes() const noexcept { return lines_.begin(); }
  /// Valid after kReject; the status is always 502.
  [[nodiscard]] const Reject& reject() const noexcept { return upstream_reject_of(reason_); }

 private:
  enum class Stage : std::uint8_t { kStatusLine, kFields, kDone, kRejected };

  Reason read_line(std::string_view line, const char* base);
  Reason read_status_line(std::string_view line) noexcept;
  Reason read_field(std::string_view line, const char* base);
  Reason end_of_head(const char* base) noexcept;
  Reason end_of_interim() noexcept;
  void start_head() noexcept;
  void bind(const char* base) noexcept;
  Status fail(Reason reason) noexcept;

  ResponseLimits limits_;
  ResponseHead head_;
  Framing framing_;
  HeadLines lines_;
  std::vector<FieldSlot> slots_;
  int interim_ = 0;
  bool upgrade_asked_ = false;
  Stage stage_ = Stage::kStatusLine;
  Reason reason_ = Reason::kNone;
};

}  // namespace sluice::http
