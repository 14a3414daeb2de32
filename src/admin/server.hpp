// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "admin/handlers.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/asio.hpp"

namespace sluice::admin {

struct Options {
  /// Host names to answer beyond IP literals and localhost; see HostRule.
  std::vector<std::string> hosts;
  std::size_t head_bytes_max = std::size_t{8} * 1024;
  /// At most so many at once; the one that has been idle longest makes room for a new one.
  std::size_t connections_max = 64;
  /// For a request's head from its first byte (from the accept for the first one), and for taking
  /// the answer.
  Duration deadline = std::chrono::seconds(5);
  /// Between requests.
  Duration idle = std::chrono::seconds(30);
  /// Of /events: how many may follow at once, how much is on its way to one of them, and how often
  /// a quiet stream shows that it lives.
  std::size_t readers_max = 16;
  std::size_t reader_bytes_max = std::size_t{64} * 1024;
  Duration heartbeat = std::chrono::seconds(15);
};

/// The side port: read-only pages over HTTP/1.1 without TLS. Owned by the app; every function is
/// for the one thread that runs `io`. It never waits and holds little per client, so nothing a
/// client does here reaches the workers. Sends no CORS headers, so that no web page can read it.
/// Not for control: that is another socket.
class Server {
 public:
  Server(net::asio::io_context& io, Options options, Handlers handlers);
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes the address, port 0 for any free one, without answering yet: what can fail in a reload
  /// fails here, and a Server that is dropped again has served nobody. Once. Errors: kIo, with the
  /// address in the detail.
  [[nodiscard]] Result<void> bind(const net::TcpEndpoint& endpoint);
  /// In place of Options::hosts, from the next request on. After bind().
  void set_hosts(std::vector<std::string> hosts);
  /// Begins to accept. After bind(), once.
  void start();
  /// Closes the listener and every connection at once. Coroutines end as `io` runs on, or with it.
  /// May be repeated.
  void stop();

  /// The bound address; only after bind().
  [[nodiscard]] net::TcpEndpoint endpoint() const;
  [[nodiscard]] std::uint16_t port() const { return endpoint().port(); }
  [[nodiscard]] std::size_t connections() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::admin
