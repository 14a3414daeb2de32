// SPDX-License-Identifier: Apache-2.0
#include "admin/session.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "admin/event_stream.hpp"
#include "base/log.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 4096;
/// How much of an unwanted body is read away, and for how long, so that the client gets to see its
/// answer.
constexpr std::size_t kLingerBytes = std::size_t{256} * 1024;
constexpr Duration kLingerTime = std::chrono::seconds(1);

std::string_view view(beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

/// The answer to bytes that are no request; nothing where nobody is there to read it.
std::optional<Response> refusal(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refuse(431, "the request's head is too large");
  }
  const bool malformed = error.category() == make_error_code(http::error::bad_method).category();
  if (!malformed || error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  return refuse(400, "not an HTTP/1.1 request");
}

void set_fields(http::fields& fields, const Response& response) {
  fields.set(http::field::date, http_date(unix_time()));
  fields.set(http::field::content_type,
             {response.content_type.data(), response.content_type.size()});
  fields.set(http::field::cache_control, "no-store");
  fields.set("X-Content-Type-Options", "nosniff");
  fields.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  if (response.status == 405) fields.set(http::field::allow, "GET, HEAD");
}

/// One of those who follow the events, for as long as it lives.
class ReaderPlace {
 public:
  explicit ReaderPlace(Context& context) : context_(context) { ++context_.readers; }
  ~ReaderPlace() { --context_.readers; }
  ReaderPlace(const ReaderPlace&) = delete;
  ReaderPlace& operator=(const ReaderPlace&) = delete;

 private:
  Context& context_;
};

}  // namespace

Session::Session(Stream::socket_type socket, std::shared_ptr<Context> context)
    : stream_(std::move(socket)),
      // Room for a whole head and the read that brings its end.
      buffer_(context->options.head_bytes_max + kReadBytes),
      context_(std::move(context)),
      idle_since_(now()) {}

void Session::cut() {
  stream_.close();
}

asio::awaitable<void> Session::run() {
  stream_.expires_after(context_->options.deadline);
  for (;;) {
    const bool more = co_await serve_one();
    if (!more) break;
    const bool began = co_await await_request();
    if (!began) break;
  }
  co_await linger();
  stream_.close();
}

/// Waits for the first byte of the next request, then starts its deadline. False at the
/// connection's end.
asio::awaitable<bool> Session::await_request() {
  if (buffer_.size() == 0) {
    stream_.expires_after(context_->options.idle);
    auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kTuple);
    if (error) co_return false;
    buffer_.commit(size);
  }
  stream_.expires_after(context_->options.deadline);
  co_return true;
}

/// True if the connection may go on.
asio::awaitable<bool> Session::serve_one() {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(context_->options.head_bytes_max));
  auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kTuple);
  answering_ = true;
  bool more = false;
  if (!error) {
    const bool head_only = parser.get().method() == http::verb::head;
    const Response response = answer(parser);
    if (response.follow) {
      co_await stream_events(response, head_only, parser.get().version());
      co_return false;
    }
    more = co_await write(response, head_only, parser.get().version(),
                          parser.get().keep_alive() && !response.close);
  } else if (const std::optional<Response> response = refusal(error)) {
    more = co_await write(*response, false, 11, false);
  }
  answering_ = false;
  idle_since_ = now();
  co_return more;
}

Response Session::answer(const Parser& parser) const {
  const auto& head = parser.get();
  const boost::optional<std::uint64_t> length = parser.content_length();
  Request request;
  request.method = view(head.method_string());
  request.target = view(head.target());
  request.host = view(head[http::field::host]);
  request.hosts = head.count(http::field::host);
  request.needs_host = head.version() >= 11;
  request.has_origin = head.count(http::field::origin) != 0;
  if (const auto last = head.find("Last-Event-ID"); last != head.end())
    request.last_event_id = view(last->value());
  request.has_body = parser.chunked() || (length && *length > 0);
  try {
    return respond(request, context_->hosts, context_->handlers);
  } catch (const std::exception& error) {
    log::error("admin_page_failed", "a page of the admin port could not be made",
               {{"path", request.target}, {"error", error.what()}});
    return {.status = 500, .body = "internal error\n"};
  }
}

asio::awaitable<bool> Session::write(const Response& response, bool head_only, unsigned version,
                                     bool keep_alive) {
  stream_.expires_after(context_->options.deadline);
  http::response<http::string_body> message(static_cast<http::status>(response.status), version);
  set_fields(message, response);
  message.keep_alive(keep_alive);
  message.content_length(response.body.size());
  if (!head_only) message.body() = response.body;
  http::response_serializer<http::string_body> serializer(message);
  beast::error_code failed;
  if (head_only) {
    auto [error, size] = co_await http::async_write_header(stream_, serializer, kTuple);
    failed = error;
  } else {
    auto [error, size] = co_await http::async_write(stream_, serializer, kTuple);
    failed = error;
  }
  co_return !failed && keep_alive;
}

asio::awaitable<void> Session::stream_events(const Response& response, bool head_only,
                                             unsigned version) {
  if (context_->readers >= context_->options.readers_max) {
    // Not a temporary of the co_await expression: g++ 12 destroys such a one twice.
    const Response busy{.status = 503, .body = "too many follow the events already\n"};
    co_await write(busy, head_only, version, false);
    co_return;
  }
  // Before the first suspension: others look at the count meanwhile.
  const ReaderPlace place(*context_);
  stream_.expires_after(context_->options.deadline);
  http::response<http::empty_body> message(http::status::ok, version);
  set_fields(message, response);
  message.keep_alive(false);
  http::response_serializer<http::empty_body> serializer(message);
  auto [error, size] = co_await http::async_write_header(stream_, serializer, kTuple);
  if (error || head_only) co_return;
  co_await follow_events(stream_, context_->handlers.events, *response.follow,
                         {.bytes_max = context_->options.reader_bytes_max,
                          .deadline = context_->options.deadline,
                          .heartbeat = context_->options.heartbeat});
}

/// Closing with unread bytes would reset the connection and could take the answer from the client's
/// hands.
asio::awaitable<void> Session::linger() {
  beast::error_code error;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, error);
  if (error) co_return;
  stream_.expires_after(kLingerTime);
  std::size_t total = 0;
  while (total < kLingerBytes) {
    buffer_.clear();
    auto [failed, size] = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kTuple);
    if (failed) break;
    total += size;
  }
}

}  // namespace sluice::admin
