// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "frontend/frontend.hpp"

namespace sluice::frontend {

/// One client's HTTP/1.1 connection, from the accepted socket until it closes or becomes a
/// WebSocket. Works on one request at a time: pipelined ones wait in the buffer, so replies cannot
/// overtake each other. Lives on its worker's thread, kept by its pending operations and by whoever
/// holds it as a responder. Knows HTTP, not JSON-RPC.
class HttpSession final : public Responder, public Session {
 public:
  HttpSession(Frontend& frontend, net::TcpSocket socket, const net::TcpEndpoint& peer,
              std::shared_ptr<const ListenerOptions> listener, std::shared_ptr<void> slot);
  ~HttpSession() override;

  void start();

  void reply(const Reply& reply) override;
  [[nodiscard]] bool can_stream() const noexcept override { return true; }
  void stream_begin(const Reply& head, StreamSource& source) override;
  [[nodiscard]] bool stream(std::string_view bytes) override;
  void stream_end(std::string_view last) override;
  void stream_abort() override;
  [[nodiscard]] net::Ref<net::RefCounted> hold() override {
    return net::Ref<net::RefCounted>(this);
  }
  void drain() override;
  std::size_t cut() override;

 private:
  enum class State : std::uint8_t {
    kProxyHeader,
    kHandshake,
    kIdle,
    kParked,
    kHead,
    kBody,
    /// 100 Continue is on its way; the body is read once it has left.
    kContinuing,
    kHandling,
    kStreaming,
    kWriting,
    kLingering,
    kClosed,
  };

  /// Behind a PROXY header, if there is one: the handshake, or the first request.
  void begin();
  void await_proxy_header();
  void on_proxy_header(net::ErrorCode error, std::size_t);
  void on_handshake(net::ErrorCode error, std::size_t);
  /// A request is being worked on, or its reply is on the way out.
  [[nodiscard]] bool working() const noexcept;
  /// The client has ended its half, and nothing lies behind the request that is being worked on.
  [[nodiscard]] bool last_request() const noexcept;
  void arm_read();
  void on_read(net::ErrorCode error, std::size_t bytes);
  void on_readable(net::ErrorCode error, std::size_t);
  void on_written(net::ErrorCode error, std::size_t);
  void on_deadline();
  void become_idle();
  void park();

  void process();
  [[nodiscard]] bool step();
  [[nodiscard]] bool step_head();
  [[nodiscard]] bool begin_body();
  [[nodiscard]] bool step_body();
  [[nodiscard]] bool ask_for_body();
  void dispatch();
  [[nodiscard]] bool answer_locally();
  void upgrade();
  void find_client_address();
  [[nodiscard]] frontend::Request request();

  void reject(const http::Reject& reject);
  void refuse(const Refusal& refusal);
  void append_head(const Reply& reply, bool has_length, std::size_t body_bytes);
  void send(std::span<const net::asio::const_buffer> buffers);
  void append_chunk(std::string_view bytes);
  void flush_stream();
  void sent();
  void finish_request();
  void linger();
  void close();
  void close_unless_asked();
  void release_workspace() noexcept;
  void shrink_workspace();

  Frontend& frontend_;
  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<const ListenerOptions> listener_;
  /// The place in the listener's count of connections; leaving scope frees it.
  std::shared_ptr<void> slot_;
  net::Deadline deadline_;
  std::unique_ptr<Workspace> work_;
  StreamSource* source_ = nullptr;
  /// The peer, or the client that a balancer named.
  net::asio::ip::address address_;
  /// Who sent the latest request, seen through trusted proxies; and as text.
  net::asio::ip::address client_address_;
  std::string client_;
  /// The Host field that was found in order last: a client sends the same one all its life.
  std::string host_;
  TimePoint idle_until_{};
  State state_ = State::kHead;
  bool reading_ = false;
  bool processing_ = false;
  bool close_after_ = false;
  bool peer_closed_ = false;
  /// The head being read has its deadline already, as the first of a connection does.
  bool head_timed_ = true;
  bool tls_ = false;
  bool chunked_reply_ = false;
  /// Streaming: a write is under way, so what follows waits in the workspace.
  bool writing_ = false;
  bool ending_ = false;
  std::size_t head_bytes_ = 0;
  std::size_t body_bytes_ = 0;
  /// While a chunked body is read: where undecoded bytes begin.
  std::size_t raw_begin_ = 0;
  std::size_t discarded_ = 0;
};

}  // namespace sluice::frontend
