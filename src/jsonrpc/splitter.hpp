// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jsonrpc/scan.hpp"

namespace sluice::jsonrpc {

/// What a client's message may hold at most; a message or item beyond one of them is answered here.
struct Limits {
  std::size_t depth_max = 128;  ///< open containers, the outermost counted; at most kDepthCeiling
  std::size_t batch_max = 1000;
  std::size_t id_bytes_max = 1024;      ///< of the raw token, quotes counted
  std::size_t method_bytes_max = 2048;  ///< of the decoded name
};

/// One call of a message. Views point into the body or into the splitter, and live until the next
/// split.
struct CallView {
  std::string_view id = {};      ///< raw token, to be echoed byte for byte; empty when absent
  std::string_view method = {};  ///< decoded; empty when error_code is -32600
  std::string_view params = {};  ///< raw array, object or null; empty when absent
  /// Non-zero: answer this item here, with `id` ("null" where the client's is unusable), unless it
  /// is a notification.
  int error_code = 0;
  std::string_view error_text = {};  ///< plain text in static storage

  /// No reply may be sent. An item that is no valid request (-32600) never is one (JSON-RPC 2.0,
  /// section 7).
  [[nodiscard]] bool notification() const noexcept { return id.empty(); }
};

/// A message of a client. Either error_code is set and concerns all of it, or there is at least one
/// call.
struct Message {
  /// Answer with an array. An empty batch and text that is not JSON get a single error instead.
  bool batch = false;
  int error_code = 0;
  std::string_view error_text = {};    ///< plain text in static storage
  std::string_view error_id = "null";  ///< raw id of the one error to send
  std::span<const CallView> calls = {};
};

/// Splits a message of a client into calls, in one pass over the body that also checks grammar (RFC
/// 8259), nesting and UTF-8 of all of it. The client's envelope is never to be forwarded: nodes
/// read envelopes loosely, so that what is sent on must be written anew from the views
/// (append_request). One per worker, used by that thread alone; storage is kept between calls and
/// bounded by the limits, not by the body. Does not know methods, and copies neither id nor params.
class Splitter {
 public:
  /// The result lives until the next call, and no longer than `body`.
  const Message& split(std::string_view body, const Limits& limits);

 private:
  struct Envelope;
  /// An unescaped method: an offset, since the arena may move while it grows.
  struct Unescaped {
    std::size_t call;
    std::size_t offset;
    std::size_t size;
  };

  const char* scan_message(const char* p, const char* end, const Limits& limits);
  const char* scan_batch(const char* p, const char* end, const Limits& limits);
  const char* scan_item(const char* p, const char* end, const Limits& limits);
  void judge(const Envelope& envelope, const Limits& limits);
  std::string_view read_method(std::string_view token, const Limits& limits, CallView& call);
  void refuse_message(int code, std::string_view text);
  void finish();

  std::vector<CallView> calls_;
  std::vector<Unescaped> unescaped_;
  std::string arena_;
  Nesting nesting_{0};
  bool too_many_ = false;
  Message message_;
};

}  // namespace sluice::jsonrpc
