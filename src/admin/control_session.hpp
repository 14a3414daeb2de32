// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>

#include "admin/control.hpp"
#include "admin/control_server.hpp"

namespace sluice::admin {

/// What all sessions of a control server read.
struct ControlContext {
  ControlOptions options;
  ControlHandlers handlers;
};

/// One connection to the control socket, to its end. Held by its server and by its own coroutine.
class ControlSession {
 public:
  using Stream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;

  ControlSession(Stream::socket_type socket, std::shared_ptr<const ControlContext> context);

  boost::asio::awaitable<void> run();
  void cut();

 private:
  boost::asio::awaitable<bool> read_line();
  boost::asio::awaitable<bool> write(const std::string& bytes);
  boost::asio::awaitable<void> answer(const ControlRequest& request);
  boost::asio::awaitable<void> follow(const ControlRequest& request);

  Stream stream_;
  std::string line_;
  std::shared_ptr<const ControlContext> context_;
};

}  // namespace sluice::admin
