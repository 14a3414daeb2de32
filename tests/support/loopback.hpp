// SPDX-License-Identifier: Apache-2.0
// What tests of the I/O shells share: one loop, turned by hand until something is so, and a peer on
// a raw non-blocking socket whose every byte the test decides.
#pragma once

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.hpp"
#include "support/catch.hpp"

namespace sluice::testing {

/// Turns the loop until `done`, for at most `limit`; returns whether it became so.
inline bool turn_until(net::Loop& loop, const std::function<bool()>& done,
                       Duration limit = std::chrono::seconds(10)) {
  const TimePoint until = now() + limit;
  for (;;) {
    loop.io.restart();
    loop.io.poll();
    if (done()) return true;
    if (now() >= until) return false;
    loop.io.restart();
    loop.io.run_one_for(std::chrono::milliseconds(1));
  }
}

/// Turns the loop for as long as it has something to do at once: for "nothing more happens".
inline void settle(net::Loop& loop) {
  for (int i = 0; i < 20; ++i) {
    loop.io.restart();
    loop.io.poll();
  }
}

/// One end of a TCP connection, in the test's hands.
class Peer {
 public:
  Peer() = default;
  explicit Peer(int fd) : fd_(fd) {
    const int on = 1;
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Peer(Peer&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        in_(std::move(other.in_)),
        eof_(other.eof_),
        reset_(other.reset_) {}
  Peer& operator=(Peer&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    in_ = std::move(other.in_);
    eof_ = other.eof_;
    reset_ = other.reset_;
    return *this;
  }
  ~Peer() { close(); }

  /// All of it, or false when the socket takes no more.
  bool send(std::string_view bytes) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == static_cast<ssize_t>(bytes.size());
  }
  /// As much as the socket takes now; returns how much that was.
  std::size_t send_some(std::string_view bytes) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  /// Takes what has arrived.
  void fetch() {
    std::array<char, 65536> chunk;
    while (fd_ >= 0 && !eof_) {
      const auto got = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (got > 0) {
        in_.append(chunk.data(), static_cast<std::size_t>(got));
        continue;
      }
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      eof_ = true;
      reset_ = got < 0;
    }
  }
  /// What has come so far, and is not yet taken.
  [[nodiscard]] const std::string& in() {
    fetch();
    return in_;
  }
  std::string take() {
    fetch();
    return std::exchange(in_, {});
  }
  [[nodiscard]] bool ended() {
    fetch();
    return eof_;
  }
  /// Ended by a reset rather than in order.
  [[nodiscard]] bool was_reset() {
    fetch();
    return reset_;
  }
  void finish() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Ends with a reset.
  void reset() {
    const linger option{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
    close();
  }
  void receive_buffer(int bytes) { ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
  std::string in_;
  bool eof_ = false;
  bool reset_ = false;
};

/// A listening socket on a free port of the loopback interface.
class ListeningPeer {
 public:
  explicit ListeningPeer(int backlog = 64)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_, backlog) == 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~ListeningPeer() { stop(); }
  ListeningPeer(const ListeningPeer&) = delete;
  ListeningPeer& operator=(const ListeningPeer&) = delete;

  [[nodiscard]] net::TcpEndpoint endpoint() const {
    return {net::asio::ip::address_v4::loopback(), port_};
  }
  /// A connection that waits, or a closed peer.
  [[nodiscard]] Peer accept() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    return fd < 0 ? Peer() : Peer(fd);
  }
  void stop() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

struct Pair {
  net::TcpSocket ours;
  Peer theirs;
};

/// Two connected ends: a socket on the loop, and the test's peer.
inline Pair connected_pair(net::Loop& loop) {
  ListeningPeer listener;
  net::TcpSocket ours(loop.io);
  ours.connect(listener.endpoint());
  Peer theirs = listener.accept();
  REQUIRE(theirs.open());
  return {std::move(ours), std::move(theirs)};
}

}  // namespace sluice::testing
