// SPDX-License-Identifier: Apache-2.0
#include "devnode/http_session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <fmt/format.h>

#include "devnode/dev_routes.hpp"
#include "devnode/ws_session.hpp"

namespace sluice::devnode {
namespace http = boost::beast::http;
namespace {

constexpr std::size_t kBufferBytes = 16384;
constexpr std::uint64_t kBodyMax = 64U << 20U;
constexpr std::uint32_t kHeadMax = 65536;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kTooMany =
    R"({"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"rate limit exceeded"}})";

std::string_view view_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// Servers allow more for the first request than between requests: a peer that has just connected
// may be slow to send it, and to cut it off would be no idle connection's end.
constexpr Duration kFirstRequest = std::chrono::milliseconds(250);

}  // namespace

HttpSession::HttpSession(Worker& worker, net::TcpSocket socket)
    : worker_(worker),
      socket_(std::move(socket)),
      timer_(worker.io),
      idle_timer_(worker.io),
      buffer_(kBufferBytes, '\0') {
  worker_.http.insert(this);
  worker_.node.stats().accepted.fetch_add(1, std::memory_order_relaxed);
  worker_.node.stats().open.fetch_add(1, std::memory_order_relaxed);
}

HttpSession::~HttpSession() {
  worker_.http.erase(this);
  if (!upgraded_) worker_.node.stats().open.fetch_sub(1, std::memory_order_relaxed);
}

void HttpSession::start() {
  net::ErrorCode ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  asio::co_spawn(worker_.io, [self = shared_from_this()] { return self->run(); }, end_quietly);
}

void HttpSession::watch_idle() {
  Duration limit = worker_.engine.faults().close_idle;
  if (!idle_ || limit <= Duration::zero()) return;
  if (!served_) limit = std::max<Duration>(limit, kFirstRequest);
  idle_timer_.expires_after(limit);
  idle_timer_.async_wait([weak = weak_from_this()](net::ErrorCode error) {
    const auto self = weak.lock();
    if (!error && self && self->idle_) self->close();
  });
}

void HttpSession::close() {
  net::ErrorCode ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

Task<void> HttpSession::run() {
  while (socket_.is_open()) {
    const bool whole = co_await read_request();
    if (bad_request_) {
      co_await answer_plain(400, "bad request\n", "text/plain");
      break;
    }
    if (!whole) break;
    if (upgrade_wanted()) {
      upgraded_ = true;
      WsSession::start(worker_, std::move(socket_), parser_->release());
      co_return;
    }
    co_await answer();
    served_ = true;
  }
  close();
}

Task<bool> HttpSession::fill_buffer() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  }
  const auto [error, size] = co_await socket_.async_read_some(
      asio::buffer(buffer_.data() + end_, buffer_.size() - end_), kAwait);
  end_ += size;
  co_return !error && size > 0;
}

Task<bool> HttpSession::read_request() {
  parser_.emplace();
  parser_->eager(true);
  parser_->body_limit(kBodyMax);
  parser_->header_limit(kHeadMax);
  raw_.clear();
  bool continued = false;
  idle_ = begin_ == end_;
  watch_idle();
  while (!parser_->is_done()) {
    if (begin_ == end_) {
      const bool more = co_await fill_buffer();
      if (!more) co_return false;
    }
    idle_ = false;
    net::ErrorCode error;
    const std::size_t used =
        parser_->put(asio::buffer(buffer_.data() + begin_, end_ - begin_), error);
    if (raw_.size() < Stats::kRawMax) raw_.append(buffer_, begin_, used);
    begin_ += used;
    if (error && error != http::error::need_more) {
      bad_request_ = true;
      co_return false;
    }
    if (!continued && parser_->is_header_done() && !parser_->is_done() &&
        parser_->get().find(http::field::expect) != parser_->get().end()) {
      continued = true;
      const bool sent = co_await send(kContinue.data(), kContinue.size());
      if (!sent) co_return false;
    }
    if (used == 0 && !parser_->is_done()) {
      const bool more = co_await fill_buffer();
      if (!more) co_return false;
    }
  }
  co_return true;
}

bool HttpSession::upgrade_wanted() const {
  return boost::beast::websocket::is_upgrade(parser_->get());
}

bool HttpSession::media_type_fits() const {
  const std::string_view type = view_of(parser_->get()[http::field::content_type]);
  const std::string_view bare = type.substr(0, type.find_first_of("; "));
  return bare == "application/json" || bare == "application/json-rpc" ||
         bare == "application/jsonrequest";
}

Task<void> HttpSession::answer() {
  const auto& request = parser_->get();
  const std::string_view target = view_of(request.target());
  if (is_dev_target(target)) {
    DevReply dev =
        dev_route(worker_.node, view_of(request.method_string()), target, request.body());
    co_await answer_plain(dev.status, std::move(dev.body), "application/json");
  } else if (request.method() == http::verb::post && !media_type_fits()) {
    co_await answer_plain(415, "invalid content type, only application/json is supported\n",
                          "text/plain");
  } else if (request.method() == http::verb::post) {
    co_await answer_rpc();
  } else if (request.method() == http::verb::put || request.method() == http::verb::delete_) {
    co_await answer_plain(405, "method not allowed\n", "text/plain");
  } else {
    co_await answer_plain(200, "", "text/plain");
  }
}

Task<void> HttpSession::answer_plain(int status, std::string body, std::string_view content_type) {
  reply_.clear();
  reply_.body = std::move(body);
  const bool close = bad_request_ || !parser_->get().keep_alive();
  compose({.status = status, .content_type = content_type, .close = close}, reply_, {}, wire_);
  co_await send_wire();
}

Task<void> HttpSession::answer_rpc() {
  Stats& stats = worker_.node.stats();
  stats.http_requests.fetch_add(1, std::memory_order_relaxed);
  stats.record_request(raw_);
  const Verdict verdict = worker_.engine.handle(parser_->get().body(), nullptr, reply_);
  const Faults& faults = worker_.engine.faults();
  HttpHead head{.close = !parser_->get().keep_alive()};
  std::string retry_after;
  if (verdict.rate_limited) {
    head.status = 429;
    reply_.body = kTooMany;
    if (faults.retry_after) retry_after = fmt::format("Retry-After: {}\r\n", *faults.retry_after);
    head.extra_fields = retry_after;
  } else if (verdict.error && faults.error_status != 0) {
    head.status = faults.error_status;
    head.content_type = "text/plain";
    reply_.body = faults.error_message + "\n";
  }
  const std::uint64_t slow = faults.slow_body;
  const std::uint64_t last_reply = faults.close_after_reply;
  compose(head, reply_, verdict, wire_);
  if (const Duration delay = verdict.latency + reply_.delay; delay > Duration::zero()) {
    co_await pause(delay);
  }
  if (verdict.hang) {
    co_await swallow();
    co_return;
  }
  if (verdict.disconnect == DisconnectStage::kBefore) {
    close();
    co_return;
  }
  if (last_reply > 0 && ++replies_ >= last_reply) wire_.close_after = true;
  if (slow > 0) {
    co_await send_slowly(wire_.head, slow);
  } else {
    co_await send_wire();
  }
}

Task<void> HttpSession::pause(Duration delay) {
  timer_.expires_after(delay);
  co_await timer_.async_wait(kAwait);
}

Task<void> HttpSession::swallow() {
  begin_ = end_ = 0;
  for (bool more = true; more;) {
    more = co_await fill_buffer();
    begin_ = end_ = 0;
  }
  close();
}

Task<bool> HttpSession::send(const char* data, std::size_t size) {
  net::ErrorCode error;
  std::size_t sent = socket_.write_some(asio::buffer(data, size), error);
  if (error == asio::error::would_block) {
    sent = 0;
  } else if (error) {
    close();
    co_return false;
  }
  if (sent == size) co_return true;
  const auto [write_error, written] =
      co_await asio::async_write(socket_, asio::buffer(data + sent, size - sent), kAwait);
  if (write_error) close();
  co_return !write_error && written == size - sent;
}

Task<void> HttpSession::send_wire() {
  const bool sent = co_await send(wire_.bytes.data(), wire_.bytes.size());
  if (!sent) co_return;
  if (wire_.fill > 0) co_await stream_fill();
  if (wire_.close_after) close();
}

}  // namespace sluice::devnode
