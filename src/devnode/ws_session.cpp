// SPDX-License-Identifier: Apache-2.0
#include "devnode/ws_session.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>

namespace sluice::devnode {
namespace websocket = boost::beast::websocket;
namespace {

constexpr std::size_t kMessageMax = 64U << 20U;
constexpr std::size_t kQueueBytesMax = 256U << 20U;
constexpr std::size_t kBlockBytes = 65536;

/// A text frame's head that promises more than will follow.
std::string broken_frame(std::string_view body) {
  const std::size_t length = std::min<std::size_t>(body.size() + 200, 65535);
  std::string frame{'\x81', '\x7e', static_cast<char>(length >> 8U), static_cast<char>(length)};
  frame += body.substr(0, body.size() / 2);
  return frame;
}

}  // namespace

void WsSession::start(Worker& worker, net::TcpSocket socket, Request request) {
  auto self = std::make_shared<WsSession>(worker, std::move(socket));
  asio::co_spawn(
      worker.io,
      [self, moved = std::move(request)]() mutable { return self->run(std::move(moved)); },
      end_quietly);
}

WsSession::WsSession(Worker& worker, net::TcpSocket socket)
    : worker_(worker), stream_(std::move(socket)) {
  stream_.read_message_max(kMessageMax);
  stream_.auto_fragment(false);
  worker_.websockets.insert(this);
}

WsSession::~WsSession() {
  worker_.websockets.erase(this);
  worker_.node.stats().open.fetch_sub(1, std::memory_order_relaxed);
}

Task<void> WsSession::run(Request request) {
  const auto [accept_error] = co_await stream_.async_accept(request, kAwait);
  if (accept_error) co_return;
  open_ = true;
  stream_.text(true);
  boost::beast::flat_buffer buffer;
  for (;;) {
    const auto [error, size] = co_await stream_.async_read(buffer, kAwait);
    if (error) break;
    on_message({static_cast<const char*>(buffer.cdata().data()), size});
    buffer.consume(buffer.size());
  }
  open_ = false;
  subscriptions_.clear();
}

void WsSession::on_message(std::string_view message) {
  Stats& stats = worker_.node.stats();
  stats.websocket_messages.fetch_add(1, std::memory_order_relaxed);
  stats.record_request(message);
  Reply reply;
  const Verdict verdict = worker_.engine.handle(message, this, reply);
  const Duration delay = verdict.latency + reply.delay;
  if (delay <= Duration::zero()) {
    deliver(verdict, std::move(reply));
    return;
  }
  asio::co_spawn(
      worker_.io,
      [self = shared_from_this(), delay, verdict, moved = std::move(reply)]() mutable {
        return self->deliver_later(delay, verdict, std::move(moved));
      },
      end_quietly);
}

Task<void> WsSession::deliver_later(Duration delay, Verdict verdict, Reply reply) {
  net::Timer timer(worker_.io, delay);
  co_await timer.async_wait(kAwait);
  if (open_) deliver(verdict, std::move(reply));
}

void WsSession::deliver(const Verdict& verdict, Reply reply) {
  if (verdict.hang) return;
  if (verdict.disconnect == DisconnectStage::kBefore) {
    cut_off();
    return;
  }
  if (reply.body.empty() && reply.fill == 0) return;
  if (verdict.garbage != Garbage::kNone && reply.fill == 0) spoil(reply.body, verdict.garbage);
  if (verdict.disconnect || verdict.truncate || verdict.framing != Framing::kNone) {
    push({.body = broken_frame(reply.body), .tail = {}, .broken = true});
    return;
  }
  // Before the push: it may write at once, and a peer that has read the reply counts on every later
  // block.
  for (const std::uint64_t id : reply.opened) activate(id);
  push({.body = std::move(reply.body), .fill = reply.fill, .tail = std::move(reply.tail)});
}

void WsSession::push(Outgoing message) {
  if (!open_) return;
  queued_bytes_ += message.body.size();
  queue_.push_back(std::move(message));
  if (queued_bytes_ > kQueueBytesMax) {
    cut_off();
    return;
  }
  if (writing_) return;
  writing_ = true;
  asio::co_spawn(worker_.io, [self = shared_from_this()] { return self->drain(); }, end_quietly);
}

Task<void> WsSession::drain() {
  while (open_ && !queue_.empty()) {
    Outgoing message = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= message.body.size();
    const bool last = message.broken;
    const bool sent = co_await write(std::move(message));
    if (!sent) break;
    if (last) cut_off();
  }
  writing_ = false;
}

Task<bool> WsSession::write(Outgoing message) {
  if (message.broken) {
    const auto [error, size] =
        co_await asio::async_write(stream_.next_layer(), asio::buffer(message.body), kAwait);
    co_return !error && size > 0;
  }
  std::string block = std::move(message.body);
  std::uint64_t left = message.fill;
  for (;;) {
    if (left > 0) {
      const auto filler = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlockBytes));
      block.append(filler, 'x');
      left -= filler;
    }
    if (left == 0) block += message.tail;
    const auto [error, size] =
        co_await stream_.async_write_some(left == 0, asio::buffer(block), kAwait);
    if (error || size != block.size()) co_return false;
    if (left == 0) co_return true;
    block.clear();
  }
}

void WsSession::cut_off() {
  open_ = false;
  net::ErrorCode ignored;
  stream_.next_layer().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.next_layer().close(ignored);
}

}  // namespace sluice::devnode
