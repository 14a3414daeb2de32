// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::jsonrpc {

/// Replies nest deeper than requests: geth's call tracer nests two levels per call frame, of which
/// the EVM allows 1024.
inline constexpr std::size_t kReplyDepthMax = 4096;

/// A reply of an upstream. Views point into the body.
struct ReplyView {
  /// One JSON object with a `result` or an `error`, none of `id`, `result`, `error` twice. Nothing
  /// else is filled in when it is false.
  bool valid = false;
  /// `error` is there and not null; it then wins over a `result`.
  bool is_error = false;
  std::string_view id = {};      ///< raw token; empty when absent
  std::string_view result = {};  ///< raw token; empty when absent
  std::string_view error = {};   ///< raw token, mostly an object; empty when absent or null
  std::int64_t code = 0;         ///< of the error; 0 when it is no integer of 64 bits
  /// Of the error, between the quotes and still escaped; of an error that is a string, that string.
  std::string_view message = {};
  std::string_view data = {};  ///< raw token of the error's member; empty when absent
};

/// Reads a whole body. Checks the grammar, nesting (at most kDepthCeiling) and UTF-8 of all of it.
/// Unknown members, and `jsonrpc` among them, are ignored: some nodes leave it out. Batches of
/// replies are not valid here.
[[nodiscard]] ReplyView parse_reply(std::string_view body, std::size_t depth_max = kReplyDepthMax);

/// The number that a raw id is: its plain digits, or a string of just these (some nodes turn ids
/// into strings). Nothing for any other spelling, nor for what does not fit.
[[nodiscard]] std::optional<std::uint64_t> plain_id(std::string_view raw_id) noexcept;
[[nodiscard]] inline bool id_equals(std::string_view raw_id, std::uint64_t expected) noexcept {
  return plain_id(raw_id) == expected;
}

/// Members of a reply that matter.
enum class ReplyKey : std::uint8_t { kId, kResult, kError, kOther };

/// Which of them a raw key names once its escapes are decoded. Case matters.
[[nodiscard]] ReplyKey reply_key(std::string_view raw) noexcept;

}  // namespace sluice::jsonrpc
