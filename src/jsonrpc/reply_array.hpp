// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "jsonrpc/reply.hpp"

namespace sluice::jsonrpc {

/// An upstream's reply to a batch, read element by element, with the checks of parse_reply() on
/// each. Views point into the body, which must outlive it. On the stack of whoever reads.
class ReplyArray {
 public:
  explicit ReplyArray(std::string_view body, std::size_t depth_max = kReplyDepthMax) noexcept;

  /// The body begins as an array; anything else is no reply to a batch.
  [[nodiscard]] bool is_array() const noexcept { return is_array_; }
  /// The next element, not `valid` where it is no reply; nothing at the end, or where the grammar
  /// breaks.
  [[nodiscard]] std::optional<ReplyView> next();
  /// After the last element: the whole body was one array and nothing else. While false, nothing
  /// that next() has given may be believed.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

 private:
  const char* at_;
  const char* const end_;
  const std::size_t depth_max_;
  bool is_array_ = false;
  bool first_ = true;
  bool complete_ = false;
};

}  // namespace sluice::jsonrpc
