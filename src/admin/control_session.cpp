// SPDX-License-Identifier: Apache-2.0
#include "admin/control_session.hpp"

#include <array>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>

#include "events/reader.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// What a session waits for, shared with those who end the wait, who may do so after the session.
struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  std::optional<ControlReply> reply;
  bool gone = false;
  std::array<char, 256> unwanted{};
};

}  // namespace

ControlSession::ControlSession(Stream::socket_type socket,
                               std::shared_ptr<const ControlContext> context)
    : stream_(std::move(socket)), context_(std::move(context)) {}

void ControlSession::cut() {
  stream_.close();
}

asio::awaitable<void> ControlSession::run() {
  if (co_await read_line()) {
    const auto request = parse_control(line_);
    if (!request) {
      ControlReply bad;
      bad.ok = false;
      bad.text = request.error().detail;
      const std::string line = control_line(bad);
      co_await write(line);
    } else if (request->command == "events") {
      co_await follow(*request);
    } else {
      co_await answer(*request);
    }
  }
  stream_.close();
}

asio::awaitable<bool> ControlSession::read_line() {
  stream_.expires_after(context_->options.deadline);
  auto [error, size] = co_await asio::async_read_until(
      stream_, asio::dynamic_buffer(line_, context_->options.line_bytes_max), '\n', kTuple);
  if (error) co_return false;
  line_.resize(size);
  co_return true;
}

asio::awaitable<bool> ControlSession::write(const std::string& bytes) {
  stream_.expires_after(context_->options.deadline);
  auto [error, size] = co_await asio::async_write(stream_, asio::buffer(bytes), kTuple);
  if (error == boost::beast::error::timeout)
    context_->handlers.events->count(events::Sink::kControl, events::Outcome::kCut);
  co_return !error;
}

asio::awaitable<void> ControlSession::answer(const ControlRequest& request) {
  const auto waiting = std::make_shared<Waiting>(stream_.get_executor());
  waiting->timer.expires_after(context_->options.answer_max);
  context_->handlers.run(request, [waiting](ControlReply reply) {
    waiting->reply = std::move(reply);
    waiting->timer.cancel();
  });
  while (!waiting->reply) {
    auto [cancelled] = co_await waiting->timer.async_wait(kTuple);
    if (!cancelled) break;
  }
  ControlReply late;
  late.ok = false;
  late.text = "the command has not ended in time; it may end still";
  const std::string line = control_line(waiting->reply ? *waiting->reply : late);
  co_await write(line);
}

asio::awaitable<void> ControlSession::follow(const ControlRequest& request) {
  events::Reader::Options from;
  if (!request.last_event_id.empty()) from.after = request.last_event_id;
  ControlReply opening;
  if (!request.level.empty()) {
    const auto level = log::parse_level(request.level);
    opening.ok = level.has_value();
    if (level) from.least = *level;
  }
  if (!opening.ok) opening.text = "level: trace, debug, info, warn or error";
  std::string bytes = control_line(opening);
  const auto waiting = std::make_shared<Waiting>(stream_.get_executor());
  events::Reader reader(context_->handlers.events, from,
                        [&timer = waiting->timer] { timer.cancel(); });
  stream_.socket().async_read_some(asio::buffer(waiting->unwanted),
                                   [waiting](const boost::system::error_code&, std::size_t) {
                                     waiting->gone = true;
                                     waiting->timer.cancel();
                                   });
  for (;;) {
    const bool taken = co_await write(bytes);
    if (!taken || !opening.ok || waiting->gone) co_return;
    while (!reader.has_news() && !waiting->gone) {
      waiting->timer.expires_after(context_->options.heartbeat);
      auto [cancelled] = co_await waiting->timer.async_wait(kTuple);
      if (!cancelled) break;
    }
    bytes.clear();
    const auto news = reader.take(context_->options.reader_bytes_max);
    for (const auto& event : news) bytes += event->json + "\n";
    context_->handlers.events->count(events::Sink::kControl, events::Outcome::kDelivered,
                                     news.size());
    // A line without an event shows the client that the daemon lives.
    if (news.empty()) bytes = "\n";
  }
}

}  // namespace sluice::admin
