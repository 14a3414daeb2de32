// SPDX-License-Identifier: Apache-2.0
#include "events/post.hpp"

#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "base/parts.hpp"
#include "events/delivery.hpp"

namespace sluice::events {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Stream = beast::tcp_stream;
using TlsStream = asio::ssl::stream<Stream>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kHeadMax = 16384;
constexpr int kInterimMax = 5;

PostResult failed(const char* reason, const beast::error_code& error) {
  PostResult result;
  result.reason = error == beast::error::timeout ? "timeout" : reason;
  return result;
}

/// The addresses of the target; none when the name is unknown or it took longer than until `until`.
asio::awaitable<std::vector<net::TcpEndpoint>> resolve(const WebhookTarget& target,
                                                       net::NameLookup& names, TimePoint until) {
  struct Found {
    explicit Found(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    bool done = false;
    std::vector<net::TcpEndpoint> endpoints;
  };
  const auto executor = co_await asio::this_coro::executor;
  const auto found = std::make_shared<Found>(executor);
  found->timer.expires_at(until);
  names.resolve(target.host, target.port, [found](std::vector<net::TcpEndpoint> endpoints) {
    found->done = true;
    found->endpoints = std::move(endpoints);
    found->timer.cancel();
  });
  if (!found->done) co_await found->timer.async_wait(kTuple);
  co_return std::move(found->endpoints);
}

template <class Through>
asio::awaitable<PostResult> exchange(Through& stream, const std::string& request) {
  auto [write_error, written] = co_await asio::async_write(stream, asio::buffer(request), kTuple);
  if (write_error) co_return failed("closed", write_error);
  beast::flat_buffer buffer(kHeadMax + 4096);
  // Interim answers come before the one that counts.
  for (int i = 0; i < kInterimMax; ++i) {
    http::response_parser<http::empty_body> parser;
    parser.header_limit(kHeadMax);
    auto [error, size] = co_await http::async_read_header(stream, buffer, parser, kTuple);
    if (error) co_return failed("closed", error);
    PostResult result;
    result.status =
        parser.get().result_int() > 999 ? 0 : static_cast<int>(parser.get().result_int());
    if (result.status >= 100 && result.status < 200) continue;
    result.reason = "http_" + std::to_string(result.status);
    const auto asked = parser.get()[http::field::retry_after];
    result.retry_after = retry_after({asked.data(), asked.size()}, unix_time());
    co_return result;
  }
  co_return failed("closed", {});
}

asio::awaitable<PostResult> post_plain(const std::vector<net::TcpEndpoint>& endpoints,
                                       TimePoint until, const std::string& request) {
  const auto stream = std::make_unique<Stream>(co_await asio::this_coro::executor);
  stream->expires_at(until);
  auto [error, endpoint] = co_await stream->async_connect(endpoints, kTuple);
  if (error) co_return failed("connect", error);
  co_return co_await exchange(*stream, request);
}

asio::awaitable<PostResult> post_tls(const std::vector<net::TcpEndpoint>& endpoints,
                                     TimePoint until, const std::string& request,
                                     std::shared_ptr<net::ClientTls> tls) {
  const auto executor = co_await asio::this_coro::executor;
  const auto stream = std::make_unique<TlsStream>(executor, tls->context());
  tls->prepare(stream->native_handle());
  Stream& plain = stream->next_layer();
  plain.expires_at(until);
  auto [error, endpoint] = co_await plain.async_connect(endpoints, kTuple);
  if (error) co_return failed("connect", error);
  auto [tls_error] = co_await stream->async_handshake(asio::ssl::stream_base::client, kTuple);
  if (tls_error) co_return failed("tls", tls_error);
  co_return co_await exchange(*stream, request);
}

}  // namespace

std::string post_request(const WebhookTarget& target, const std::string& body) {
  std::string out;
  append_parts(out, "POST ", target.path_and_query, " HTTP/1.1\r\nHost: ", target.authority,
               "\r\nContent-Type: application/json\r\nContent-Length: ", Decimal(body.size()),
               "\r\nUser-Agent: sluice\r\nConnection: close\r\n");
  if (!target.authorization.empty())
    append_parts(out, "Authorization: ", target.authorization, "\r\n");
  for (const auto& [name, value] : target.headers) append_parts(out, name, ": ", value, "\r\n");
  append_parts(out, "\r\n", body);
  return out;
}

asio::awaitable<PostResult> post(const WebhookTarget& target, const std::string& request,
                                 net::NameLookup& names) {
  const TimePoint until = now() + target.timeout;
  const auto endpoints = co_await resolve(target, names, until);
  if (endpoints.empty()) co_return failed("resolve", {});
  if (target.tls == nullptr) co_return co_await post_plain(endpoints, until, request);
  co_return co_await post_tls(endpoints, until, request, target.tls);
}

}  // namespace sluice::events
