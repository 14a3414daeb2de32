// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "ethereum/method.hpp"
#include "ethereum/outcome.hpp"

namespace sluice::ethereum {

/// What is known of a reply. Views into the reply's bytes, used only during the call.
struct ReplyFacts {
  /// 0 for a transport without a status (WebSocket, IPC).
  int http_status = 0;
  /// The reply has an `error` member. A body that is not a JSON-RPC reply has neither error nor
  /// result.
  bool is_error = false;
  std::int64_t code = 0;
  /// error.message: what is between the quotes, escapes as they stand.
  std::string_view message;
  /// The raw token of error.data, or empty.
  std::string_view data;
  /// The raw token of `result`, or empty.
  std::string_view result;
};

/// What a reply means, by status, method, text and code together, in that order of trust; see
/// message_patterns.hpp for why texts of reverts and of methods come first. A reply without error
/// is judged in a few instructions, unread.
[[nodiscard]] Outcome classify(const Method& method, const ReplyFacts& facts) noexcept;

}  // namespace sluice::ethereum
