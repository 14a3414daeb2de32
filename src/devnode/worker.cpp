// SPDX-License-Identifier: Apache-2.0
#include "devnode/worker.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

#include "devnode/http_session.hpp"
#include "devnode/ws_session.hpp"

namespace sluice::devnode {
namespace {

/// Shortest sleep between two looks at the clock: a timer may fire a little before the block is
/// due.
constexpr double kHeadPollSeconds = 0.001;

}  // namespace

void Worker::adopt(net::TcpSocket socket) {
  net::asio::post(io, [this, moved = std::move(socket)]() mutable {
    std::make_shared<HttpSession>(*this, std::move(moved))->start();
  });
}

void Worker::watch_heads() {
  publish_heads();
  const double wait = node.seconds_until_after(node.true_head());
  if (wait < 0) return;
  head_timer.expires_after(std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::max(wait, kHeadPollSeconds))));
  head_timer.async_wait([this](net::ErrorCode error) {
    if (!error) watch_heads();
  });
}

void Worker::publish_heads() {
  for (WsSession* session : websockets) session->publish_heads();
}

void Worker::publish_pending(const Bytes32& hash) {
  for (WsSession* session : websockets) session->publish_pending(hash);
}

void Worker::faults_changed() {
  for (HttpSession* session : http) session->watch_idle();
  publish_heads();
}

}  // namespace sluice::devnode
