// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "admin/handlers.hpp"
#include "admin/host_rule.hpp"
#include "admin/pages.hpp"
#include "admin/server.hpp"
#include "base/clock.hpp"

namespace sluice::admin {

/// What all sessions of a server read; outlives the server while one of them still ends.
struct Context {
  Options options;
  Handlers handlers;
  HostRule hosts;
  /// How many follow /events now.
  std::size_t readers = 0;
};

/// One client's connection: requests one after the other, each under its deadline. Held by its
/// server and by its own coroutine; on the server's thread. What is answered is decided in pages.
class Session {
 public:
  using Stream = boost::beast::tcp_stream;

  Session(Stream::socket_type socket, std::shared_ptr<Context> context);

  /// To the connection's end. The caller keeps the session alive.
  boost::asio::awaitable<void> run();
  /// Closes at once; run() then returns.
  void cut();

  /// Whether it is between an answer and the end of the next request's head, so that cutting it
  /// loses no answer.
  [[nodiscard]] bool idle() const noexcept { return !answering_; }
  /// Since when it has been idle.
  [[nodiscard]] TimePoint idle_since() const noexcept { return idle_since_; }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::empty_body>;

  boost::asio::awaitable<bool> await_request();
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<bool> write(const Response& response, bool head_only, unsigned version,
                                     bool keep_alive);
  boost::asio::awaitable<void> stream_events(const Response& response, bool head_only,
                                             unsigned version);
  boost::asio::awaitable<void> linger();
  [[nodiscard]] Response answer(const Parser& parser) const;

  Stream stream_;
  boost::beast::flat_buffer buffer_;
  std::shared_ptr<Context> context_;
  TimePoint idle_since_;
  bool answering_ = false;
};

}  // namespace sluice::admin
