// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstring>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/server.hpp"
#include "events/hub.hpp"
#include "support/catch.hpp"

namespace sluice::admin {

namespace asio = boost::asio;

inline const sluice::net::TcpEndpoint kLoopback{asio::ip::address_v4::loopback(), 0};

inline Handlers handlers() {
  return {.metrics = [] { return std::string("sluice_up 1\n"); },
          .status = []() -> std::string { throw std::runtime_error("secret detail"); },
          .readiness = [] { return Readiness{true, {}}; }};
}

/// A server on its own thread, as the control thread runs it.
class Running {
 public:
  explicit Running(Options options = {}, Handlers pages = handlers())
      : hub_(std::make_shared<events::Hub>(io_, events::Hub::Options{.kept = 64}, 0xb)),
        server_(io_, std::move(options), with_events(std::move(pages))) {
    REQUIRE(server_.bind(kLoopback).has_value());
    port_ = server_.port();
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Running() {
    asio::post(io_, [this] {
      server_.stop();
      work_.reset();
    });
    thread_.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  template <class F>
  auto on_thread(F f) {
    std::packaged_task<decltype(f(server_))()> task([&] { return f(server_); });
    auto result = task.get_future();
    asio::post(io_, [&] { task(); });
    return result.get();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// On the server's thread, as everybody who tells of something.
  template <class E>
  void emit(const E& event) {
    on_thread([&](Server&) {
      hub_->emit(event);
      return 0;
    });
  }
  [[nodiscard]] std::uint64_t cut() const {
    return hub_->counted(events::Sink::kStream, events::Outcome::kCut);
  }

 private:
  [[nodiscard]] Handlers with_events(Handlers pages) {
    pages.events = hub_;
    return pages;
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::shared_ptr<events::Hub> hub_;
  Server server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// A client that sends just the bytes it is told to. Waits at most 10 s for anything.
class Raw {
 public:
  explicit Raw(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{10, 0};
    REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    static_assert(sizeof generic == sizeof to);
    std::memcpy(&generic, &to, sizeof to);
    REQUIRE(::connect(fd_, &generic, sizeof to) == 0);
  }
  ~Raw() {
    if (fd_ >= 0) ::close(fd_);
  }
  Raw(Raw&& other) noexcept : fd_(std::exchange(other.fd_, -1)), held_(std::move(other.held_)) {}
  Raw& operator=(Raw&&) = delete;
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// One answer: head, and as much body as its Content-Length says unless it answers a HEAD. Empty
  /// at the end.
  std::string answer(bool to_head = false) {
    while (held_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return {};
    }
    std::size_t size = held_.find("\r\n\r\n") + 4;
    const std::size_t length = held_.find("Content-Length: ");
    REQUIRE(length < size);
    if (!to_head) size += static_cast<std::size_t>(std::stoi(held_.substr(length + 16)));
    while (held_.size() < size) {
      if (!more()) return {};
    }
    const std::string out = held_.substr(0, size);
    held_.erase(0, size);
    return out;
  }
  /// All that has come, once it holds `text`; what comes after it stays. Empty if it never does.
  std::string until(std::string_view text) {
    while (held_.find(text) == std::string::npos) {
      if (!more()) return {};
    }
    const std::size_t size = held_.find(text) + text.size();
    const std::string out = held_.substr(0, size);
    held_.erase(0, size);
    return out;
  }
  /// True once the server has closed in an orderly way (a reset could take an answer with it), with
  /// nothing left unread.
  bool closed() { return !more() && held_.empty() && orderly_; }
  /// As closed(), but gives up after `wait_ms`.
  bool closed_within(int wait_ms) {
    pollfd readable{fd_, POLLIN, 0};
    return ::poll(&readable, 1, wait_ms) > 0 && closed();
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

 private:
  bool more() {
    std::array<char, 4096> piece{};
    const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
    orderly_ = n == 0;
    if (n > 0) held_.append(piece.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_;
  std::string held_;
  bool orderly_ = false;
};

}  // namespace sluice::admin
