// SPDX-License-Identifier: Apache-2.0
#include "admin/control_server.hpp"

#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "admin/control_session.hpp"
#include "base/log.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

void log_if_failed(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("control_failed", "the control socket met an unexpected error",
               {{"error", error.what()}});
  }
}

}  // namespace

/// Shared with the coroutines, which may end after the server.
class ControlServer::State : public std::enable_shared_from_this<ControlServer::State> {
 public:
  State(asio::io_context& io, ControlOptions options, ControlHandlers handlers, SocketPlace place)
      : io_(io), acceptor_(io), pause_(io), place_(std::move(place)) {
    context_ = std::make_shared<const ControlContext>(
        ControlContext{.options = options, .handlers = std::move(handlers)});
    acceptor_.assign(stream_protocol(), place_->release_listener());
  }

  void start() { asio::co_spawn(io_, accept_loop(shared_from_this()), log_if_failed); }
  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& session : std::exchange(sessions_, {})) session->cut();
    path_ = path();
    place_.reset();
  }
  [[nodiscard]] const std::string& path() const noexcept { return place_ ? place_->path() : path_; }

 private:
  static asio::awaitable<void> accept_loop(std::shared_ptr<State> self) {
    while (self->acceptor_.is_open()) {
      auto [error, socket] = co_await self->acceptor_.async_accept(kTuple);
      if (!self->acceptor_.is_open()) break;
      if (!error) {
        // Beyond the limit the new one is closed: those that are there are being served.
        if (self->sessions_.size() < self->context_->options.connections_max)
          self->add(std::move(socket));
        continue;
      }
      self->pause_.expires_after(kAcceptPause);
      auto [cancelled] = co_await self->pause_.async_wait(kTuple);
      if (cancelled) break;
    }
  }

  void add(stream_protocol::socket socket) {
    auto session = std::make_shared<ControlSession>(std::move(socket), context_);
    sessions_.push_back(session);
    asio::co_spawn(io_, session->run(),
                   [session, self = shared_from_this()](const std::exception_ptr& failure) {
                     std::erase(self->sessions_, session);
                     log_if_failed(failure);
                   });
  }

  asio::io_context& io_;
  stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::optional<SocketPlace> place_;
  std::string path_;
  std::shared_ptr<const ControlContext> context_;
  std::vector<std::shared_ptr<ControlSession>> sessions_;
};

ControlServer::ControlServer(asio::io_context& io, ControlOptions options, ControlHandlers handlers,
                             SocketPlace place)
    : state_(std::make_shared<State>(io, options, std::move(handlers), std::move(place))) {}

ControlServer::~ControlServer() {
  stop();
}

void ControlServer::start() {
  state_->start();
}

void ControlServer::stop() {
  state_->stop();
}

const std::string& ControlServer::path() const noexcept {
  return state_->path();
}

}  // namespace sluice::admin
