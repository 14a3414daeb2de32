// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "net/ref.hpp"

namespace sluice::upstream {

/// One call as it goes to a node: the canonical envelope is written from these. The views must stay
/// valid until the sink has been told the end or has abandoned the attempt.
struct Request {
  std::uint64_t id = 0;
  std::string_view method;
  std::string_view params;
  /// The whole body of a JSON-RPC batch of `calls` calls, in place of all the above.
  std::string_view batch = {};
  std::uint32_t calls = 1;
};

/// Params as they are sent: an empty array where the client gave none.
[[nodiscard]] constexpr std::string_view sent_params(std::string_view params) noexcept {
  return params.empty() ? "[]" : params;
}

struct ReplyHead {
  int status = 0;
  /// From Retry-After; 0 when absent or not a number of seconds.
  std::uint32_t retry_after_s = 0;
};

struct Failure {
  enum class Kind : std::uint8_t {
    kConnect,
    kConnectTimeout,
    kTls,
    kClosed,
    kTimeout,
    kProtocol,
    kTooLarge,
    kUpstreamLost,
  };
  Kind kind = Kind::kClosed;
  /// Whether the node may have got the call.
  bool maybe_sent = false;
  /// The connection was kept from before and died before a byte of this reply came, maybe even
  /// before a byte of the call left.
  bool stale = false;
  /// Another call of the same upstream batch has told of it: it counts once against the upstream.
  bool echo = false;
};

[[nodiscard]] std::string_view word(Failure::Kind kind) noexcept;

class Connection;

/// Whoever waits for an attempt's end. Called on the connection's thread, never from inside
/// start().
class AttemptSink {
 public:
  virtual ~AttemptSink() = default;

  /// The whole reply is here. Returns whether it is sound enough for the connection to carry
  /// further calls, and may blame it. Only judges: the connection is not free yet.
  [[nodiscard]] virtual bool judge(const ReplyHead& head, std::string_view body) = 0;
  /// Follows judge() at once, with the connection free for others; the body is valid until this
  /// returns.
  virtual void on_reply() = 0;
  virtual void on_failure(const Failure& failure) = 0;
  /// The attempt waited for its connection, and another one has become free first: from now on it
  /// is that one.
  virtual void on_moved(Connection& /*connection*/) {}
  /// The attempt waited for its connection, which is ready now: its bytes leave.
  virtual void on_sent(TimePoint /*now*/) {}
  /// The upstream has left the rotation and answers nothing: whether the attempt is to fail now, to
  /// be made elsewhere, rather than be waited for.
  [[nodiscard]] virtual bool may_move() const { return false; }

  /// The connection is to hold so many bytes more of a reply that is large and cannot stream.
  /// Returns false when there is no memory for them: then the reply is too large.
  [[nodiscard]] virtual bool may_hold(std::uint64_t /*bytes*/) { return true; }

  /// The reply is larger than is held. Returns whether it may stream; if not, it is held up to the
  /// larger bound.
  [[nodiscard]] virtual bool stream_begin(const ReplyHead& head) = 0;
  /// The next bytes of the body. Returns false to cut the connection.
  [[nodiscard]] virtual bool stream_data(std::string_view bytes) = 0;
  /// The body's end. Returns whether the connection may carry further calls.
  [[nodiscard]] virtual bool stream_end() = 0;
};

}  // namespace sluice::upstream
