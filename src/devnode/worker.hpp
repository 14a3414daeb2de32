// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_set>

#include "devnode/engine.hpp"
#include "net/asio.hpp"

namespace sluice::devnode {

class HttpSession;
class WsSession;

/// One thread's share of a server: its io_context, engine and sessions. Owned by the server;
/// everything but the constructor, `stop` and posting to `io` happens on the thread that runs it.
/// Sessions enter and leave the sets themselves; the sets are declared before `io`, whose
/// destruction destroys the sessions that are still open.
struct Worker {
  Worker(Node& owner, std::uint64_t seed) : node(owner), engine(owner, seed) {}

  /// Takes over an accepted socket; may be called from any thread.
  void adopt(net::TcpSocket socket);
  /// Tells subscribers of new blocks now, and again whenever time brings one.
  void watch_heads();
  void publish_heads();
  void publish_pending(const Bytes32& hash);
  /// Lets idle connections see a changed `close_idle`.
  void faults_changed();

  Node& node;
  Engine engine;
  std::unordered_set<HttpSession*> http;
  std::unordered_set<WsSession*> websockets;
  net::asio::io_context io{1};
  net::Timer head_timer{io};
};

}  // namespace sluice::devnode
