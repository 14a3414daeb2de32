// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/field.hpp"
#include "http/reject.hpp"

namespace sluice::http {

/// Heads are addressed with 32-bit offsets; a larger configured limit is cut to this.
inline constexpr std::size_t kHeadBytesCeiling = std::size_t{1} << 24;

/// Cuts a message head into its CRLF lines while the head is still arriving. Remembers offsets
/// only, so every byte is looked at once however the input is fed. Owned by a parser; knows nothing
/// of what a line means.
class HeadLines {
 public:
  enum class Found : std::uint8_t { kLine, kNeedMore, kBadByte };

  void reset() noexcept { begin_ = scanned_ = 0; }

  /// `data` is the message from its first byte. kLine: `line` is the next line without its CRLF,
  /// and the position moves past it. kBadByte: a control byte, a CR without LF or an LF without CR,
  /// at `position()` afterwards.
  [[nodiscard]] Found next(std::string_view data, std::string_view& line) noexcept;

  /// Offset of the line that next() will give, or is waiting for.
  [[nodiscard]] std::size_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::size_t position() const noexcept { return scanned_; }

 private:
  std::uint32_t begin_ = 0;
  std::uint32_t scanned_ = 0;
};

/// What a bad byte is called: a broken line end, or a control byte inside a line.
[[nodiscard]] Reason bad_byte_reason(char byte) noexcept;

/// Splits a non-empty field line (RFC 9112 5); the offsets written are relative to `base`.
/// `underscore` tells whether the name holds one.
[[nodiscard]] Reason split_field_line(std::string_view line, const char* base, FieldSlot& slot,
                                      bool& underscore) noexcept;

}  // namespace sluice::http
