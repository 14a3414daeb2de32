// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/reject.hpp"
#include "http/request_head.hpp"
#include "net/ref.hpp"

namespace sluice::frontend {

/// What a request is answered with. The views need to live only until the call that takes it
/// returns: whatever cannot be sent at once is copied.
struct Reply {
  int status = 200;
  /// Further header lines, each ended by CRLF.
  std::string_view headers;
  /// The body, in pieces that are joined.
  std::span<const std::string_view> body;
  bool json = true;
  bool close = false;
};

/// Told by a responder how its client does while a reply streams.
class StreamSource {
 public:
  virtual ~StreamSource() = default;
  /// What was refused a place before is on its way: send on.
  virtual void client_writable() = 0;
  /// The client is gone; nothing may be sent any more.
  virtual void client_gone() = 0;
};

/// Where one request's reply goes: exactly one reply(), or one stream. Held by whoever works on the
/// request; a client that has gone makes it a sink that swallows.
class Responder : public net::RefCounted {
 public:
  virtual void reply(const Reply& reply) = 0;

  /// Whether the client's protocol can take a body of unknown length.
  [[nodiscard]] virtual bool can_stream() const noexcept = 0;
  virtual void stream_begin(const Reply& head, StreamSource& source) = 0;
  /// False: hold further bytes back until client_writable().
  [[nodiscard]] virtual bool stream(std::string_view bytes) = 0;
  virtual void stream_end(std::string_view last) = 0;
  /// Cuts the connection, so that the client sees that the reply is not whole.
  virtual void stream_abort() = 0;
};

/// Who and what is asking. Views are valid until the reply has been given.
struct Request {
  const http::RequestHead& head;
  std::string_view body;
  /// The client's address, seen through trusted proxies; text.
  std::string_view peer;
};

/// One WebSocket after its upgrade, as the layer above sees it.
class Channel : public net::RefCounted {
 public:
  /// A whole message. The bytes are valid until the responder's reply has been given.
  virtual void message(std::string_view body, net::Ref<Responder> responder) = 0;
};

struct Refusal {
  int status = 500;
  int code = -32603;
  std::string_view text;
  std::string_view reason;
  std::string_view headers;
};

/// The JSON-RPC error object that goes with a refusal.
[[nodiscard]] std::string refusal_body(const Refusal& refusal);

struct Opened {
  net::Ref<Channel> channel;
  std::optional<Refusal> refusal;
};

/// The layer above. One per worker, on its thread; outlives all sessions.
class Handler {
 public:
  virtual ~Handler() = default;

  /// A look at the head alone, before the body is asked for (Expect: 100-continue).
  [[nodiscard]] virtual std::optional<Refusal> check(const Request& request) = 0;
  virtual void handle(const Request& request, net::Ref<Responder> responder) = 0;
  [[nodiscard]] virtual Opened open_websocket(const Request& request) = 0;
  /// Whether a path is served, for GET and OPTIONS.
  [[nodiscard]] virtual bool knows_path(std::string_view path) const = 0;
};

enum class Protocol : std::uint8_t { kHttp, kWebSocket, kCount };

/// Counts what sessions do. On the worker's thread.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void http_request(int status) = 0;
  virtual void rejected(std::string_view reason) = 0;
  virtual void connections_changed(Protocol protocol, int delta) = 0;
};

}  // namespace sluice::frontend
