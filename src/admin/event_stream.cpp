// SPDX-License-Identifier: Apache-2.0
#include "admin/event_stream.hpp"

#include <array>
#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/parts.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
/// How long a browser waits before it comes again.
constexpr std::string_view kOpening = "retry: 2000\n\n";
constexpr std::string_view kHeartbeat = ": alive\n\n";

/// What a stream waits for, shared with the read that notices the client's end, which may finish
/// after the stream.
struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool gone = false;
  std::array<char, 256> unwanted{};
};

/// A client of this page has nothing more to say: whatever comes is its end.
void watch_for_end(boost::beast::tcp_stream& stream, const std::shared_ptr<Waiting>& waiting) {
  // On the socket itself, so that the deadline of writes is not that of this read.
  stream.socket().async_read_some(asio::buffer(waiting->unwanted),
                                  [waiting](const boost::system::error_code&, std::size_t) {
                                    waiting->gone = true;
                                    waiting->timer.cancel();
                                  });
}

}  // namespace

void append_frame(std::string& out, const events::Told& event) {
  if (!event.id_text.empty()) append_parts(out, "id: ", event.id_text, "\n");
  append_parts(out, "event: ", events::row(event.kind).name, "\ndata: ", event.json, "\n\n");
}

asio::awaitable<void> follow_events(boost::beast::tcp_stream& stream,
                                    std::shared_ptr<events::Hub> hub, events::Reader::Options from,
                                    EventStreamOptions options) {
  const auto waiting = std::make_shared<Waiting>(stream.get_executor());
  events::Reader reader(hub, from, [&timer = waiting->timer] { timer.cancel(); });
  watch_for_end(stream, waiting);
  std::string bytes(kOpening);
  while (!waiting->gone) {
    const auto taken = reader.take(options.bytes_max);
    for (const auto& event : taken) append_frame(bytes, *event);
    if (!bytes.empty()) {
      stream.expires_after(options.deadline);
      auto [error, size] = co_await asio::async_write(stream, asio::buffer(bytes), kTuple);
      if (error == boost::beast::error::timeout || (!error && reader.overrun())) {
        // It comes again with the last id that it has, and is told what it has missed.
        hub->count(events::Sink::kStream, events::Outcome::kCut);
        co_return;
      }
      if (error) co_return;
      hub->count(events::Sink::kStream, events::Outcome::kDelivered, taken.size());
      bytes.clear();
    }
    if (reader.has_news() || waiting->gone) continue;
    waiting->timer.expires_after(options.heartbeat);
    auto [cancelled] = co_await waiting->timer.async_wait(kTuple);
    if (!cancelled) bytes = kHeartbeat;
  }
}

}  // namespace sluice::admin
