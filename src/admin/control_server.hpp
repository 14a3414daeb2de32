// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "admin/control.hpp"
#include "admin/socket_place.hpp"
#include "base/clock.hpp"
#include "net/asio.hpp"

namespace sluice::admin {

struct ControlOptions {
  std::size_t connections_max = 16;
  std::size_t line_bytes_max = 4096;
  /// For a request to come, and for a piece of an answer to be taken.
  Duration deadline = std::chrono::seconds(5);
  /// For a command to end: a reload reads files.
  Duration answer_max = std::chrono::seconds(60);
  std::size_t reader_bytes_max = std::size_t{64} * 1024;
  Duration heartbeat = std::chrono::seconds(15);
};

/// The operator's socket: one request line and one answer line a connection, or with `events` a
/// line for each event. Who may use it is the file system's affair (mode 0600). Owned by the app;
/// every function is for the one thread that runs `io`.
class ControlServer {
 public:
  ControlServer(net::asio::io_context& io, ControlOptions options, ControlHandlers handlers,
                SocketPlace place);
  /// Stops, and removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Once.
  void start();
  void stop();
  [[nodiscard]] const std::string& path() const noexcept;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::admin
