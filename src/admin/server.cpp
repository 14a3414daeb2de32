// SPDX-License-Identifier: Apache-2.0
#include "admin/server.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "admin/session.hpp"
#include "base/log.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
/// After a failed accept, which mostly means that descriptors have run out: trying again at once
/// would spin.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

std::string address_text(const net::TcpEndpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const bool six = endpoint.address().is_v6();
  return fmt::format("{}{}{}:{}", six ? "[" : "", address, six ? "]" : "", endpoint.port());
}

/// The last catch: a session that fails must not take the control thread with it.
void log_if_failed(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("admin_failed", "the admin port met an unexpected error", {{"error", error.what()}});
  }
}

}  // namespace

/// Shared with the coroutines, which may end after the Server.
class Server::State : public std::enable_shared_from_this<Server::State> {
 public:
  State(asio::io_context& io, Options options, Handlers handlers)
      : io_(io), acceptor_(io), pause_(io), context_(std::make_shared<Context>()) {
    context_->options = std::move(options);
    context_->handlers = std::move(handlers);
  }

  Result<void> bind(const net::TcpEndpoint& endpoint);
  void set_hosts(std::vector<std::string> hosts);
  void start();
  void stop();
  [[nodiscard]] const tcp::acceptor& acceptor() const { return acceptor_; }
  [[nodiscard]] std::size_t connections() const { return sessions_.size(); }

 private:
  static asio::awaitable<void> accept_loop(std::shared_ptr<State> self);
  bool make_room();
  void add(tcp::socket socket);

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::shared_ptr<Context> context_;
  std::vector<std::shared_ptr<Session>> sessions_;
};

Result<void> Server::State::bind(const net::TcpEndpoint& endpoint) {
  boost::system::error_code error;
  const auto step = [&](auto&& action) {
    if (!error) action();
  };
  step([&] { acceptor_.open(endpoint.protocol(), error); });
  step([&] { acceptor_.set_option(asio::socket_base::reuse_address(true), error); });
  step([&] { acceptor_.bind(endpoint, error); });
  step([&] { acceptor_.listen(asio::socket_base::max_listen_connections, error); });
  if (error) {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    return fail(ErrorKind::kIo, Origin::kSluice, Retry::kNever,
                "cannot listen on " + address_text(endpoint) + ": " + error.message());
  }
  set_hosts(context_->options.hosts);
  return {};
}

void Server::State::set_hosts(std::vector<std::string> hosts) {
  HostRule& rule = context_->hosts;
  rule.names = std::move(hosts);
  boost::system::error_code ignored;
  rule.any_without_origin =
      !acceptor_.local_endpoint(ignored).address().is_loopback() && rule.names.empty();
}

void Server::State::start() {
  asio::co_spawn(io_, accept_loop(shared_from_this()), log_if_failed);
}

void Server::State::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (const auto& session : std::exchange(sessions_, {})) session->cut();
}

asio::awaitable<void> Server::State::accept_loop(std::shared_ptr<State> self) {
  while (self->acceptor_.is_open()) {
    auto [error, socket] = co_await self->acceptor_.async_accept(kTuple);
    if (!self->acceptor_.is_open()) break;
    if (!error) {
      if (self->make_room()) self->add(std::move(socket));
      continue;
    }
    self->pause_.expires_after(kAcceptPause);
    auto [cancelled] = co_await self->pause_.async_wait(kTuple);
    if (cancelled) break;
  }
}

/// False when the limit is reached and every connection is being answered: then the new one is
/// refused.
bool Server::State::make_room() {
  if (sessions_.size() < context_->options.connections_max) return true;
  auto oldest = sessions_.end();
  for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
    if (!(*at)->idle()) continue;
    if (oldest == sessions_.end() || (*at)->idle_since() < (*oldest)->idle_since()) oldest = at;
  }
  if (oldest == sessions_.end()) return false;
  (*oldest)->cut();
  sessions_.erase(oldest);
  return true;
}

void Server::State::add(tcp::socket socket) {
  auto session = std::make_shared<Session>(std::move(socket), context_);
  sessions_.push_back(session);
  asio::co_spawn(io_, session->run(),
                 [session, self = shared_from_this()](const std::exception_ptr& failure) {
                   std::erase(self->sessions_, session);
                   log_if_failed(failure);
                 });
}

Server::Server(asio::io_context& io, Options options, Handlers handlers)
    : state_(std::make_shared<State>(io, std::move(options), std::move(handlers))) {}

Server::~Server() {
  stop();
}

Result<void> Server::bind(const net::TcpEndpoint& endpoint) {
  return state_->bind(endpoint);
}

void Server::set_hosts(std::vector<std::string> hosts) {
  state_->set_hosts(std::move(hosts));
}

void Server::start() {
  state_->start();
}

void Server::stop() {
  state_->stop();
}

net::TcpEndpoint Server::endpoint() const {
  return state_->acceptor().local_endpoint();
}

std::size_t Server::connections() const {
  return state_->connections();
}

}  // namespace sluice::admin
