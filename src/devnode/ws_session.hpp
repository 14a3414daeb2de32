// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "devnode/task.hpp"
#include "devnode/wire.hpp"
#include "devnode/worker.hpp"

namespace sluice::devnode {

/// One WebSocket connection: calls are answered as they come, each after its own delay, so that a
/// slow one does not hold up the next; subscriptions push events. Lives on one worker; its reading
/// coroutine keeps it alive. A peer that does not read is cut off once kQueueBytesMax wait for it.
class WsSession final : public Subscriber, public std::enable_shared_from_this<WsSession> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  /// Completes the upgrade that `request` asks for and serves the connection.
  static void start(Worker& worker, net::TcpSocket socket, Request request);

  WsSession(Worker& worker, net::TcpSocket socket);
  ~WsSession() override;
  WsSession(const WsSession&) = delete;
  WsSession& operator=(const WsSession&) = delete;

  std::uint64_t subscribe(SubscriptionKind kind, LogFilter filter) override;
  bool unsubscribe(std::uint64_t id) override;

  /// Pushes the events of the blocks that are new since the last call.
  void publish_heads();
  void publish_pending(const Bytes32& hash);

 private:
  struct Subscription {
    SubscriptionKind kind;
    LogFilter filter;
    bool active = false;
    std::uint64_t next_block = 0;
  };
  /// A message; or, when `broken`, bytes that go out without framing and end the connection.
  struct Outgoing {
    std::string body;
    std::uint64_t fill = 0;
    std::string tail;
    bool broken = false;
  };

  Task<void> run(Request request);
  Task<void> deliver_later(Duration delay, Verdict verdict, Reply reply);
  void on_message(std::string_view message);
  void deliver(const Verdict& verdict, Reply reply);
  void activate(std::uint64_t id);
  void publish_blocks(std::uint64_t id, Subscription& subscription, std::uint64_t head);
  void push(Outgoing message);
  void push_event(std::uint64_t id, std::string_view result);
  Task<void> drain();
  Task<bool> write(Outgoing message);
  void cut_off();

  Worker& worker_;
  boost::beast::websocket::stream<net::TcpSocket> stream_;
  std::map<std::uint64_t, Subscription> subscriptions_;
  std::deque<Outgoing> queue_;
  std::size_t queued_bytes_ = 0;
  bool open_ = false;
  bool writing_ = false;
};

}  // namespace sluice::devnode
