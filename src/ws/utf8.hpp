// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::ws {

/// Validates UTF-8 (RFC 3629) that arrives in pieces cut anywhere, also inside a character. It
/// refuses at the first byte that no valid text can hold at that place: overlong forms, surrogates
/// and values above U+10FFFF are caught at their second byte, not at their last. Owned by a
/// decoder; holds four bytes of state and no text.
class Utf8Validator {
 public:
  /// False when `text` continues what was fed before into something that is not UTF-8; then feed no
  /// more.
  [[nodiscard]] bool feed(const char* text, std::size_t size) noexcept;

  /// Whether the text so far ends between characters: must hold at the end of a message.
  [[nodiscard]] bool complete() const noexcept { return pending_ == 0; }

 private:
  [[nodiscard]] bool start(std::uint8_t lead) noexcept;
  [[nodiscard]] bool follow(std::uint8_t byte) noexcept;

  std::uint8_t pending_ = 0;  // continuation bytes that must still come
  std::uint8_t low_ = 0x80;   // bounds of the next one; narrower than 80..BF after some lead bytes
  std::uint8_t high_ = 0xBF;
};

/// Whether `text` is valid UTF-8 as a whole.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace sluice::ws
