// SPDX-License-Identifier: Apache-2.0
// What generators share that send calls when they are due: connections that are watched for
// replies, and waits that end on time.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/epoll.h>
#include <sys/prctl.h>

#include "load/client.hpp"

namespace sluice::bench {

/// The default slack of 50 us would bunch calls together. Once, before the first wait.
inline void wait_precisely() {
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/// Connections to one port of 127.0.0.1, each known by its owner's index. The owner closes them.
class Connections {
 public:
  explicit Connections(std::uint16_t port)
      : port_(port),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        head_("POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
              "\r\nContent-Type: application/json\r\nContent-Length: ") {}

  /// Returns the descriptor.
  int open(std::size_t index) {
    const int fd = connect_loopback(port_);
    set_nonblocking(fd);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    return fd;
  }

  /// On a connection that carries no other call.
  void send(int fd, std::string_view body) {
    out_ = head_;
    out_.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    // A few thousand bytes into an empty socket buffer never block.
    if (::send(fd, out_.data(), out_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out_.size()))
      die("send");
  }

  /// For at most so long. `receive(index)` for each connection with something to read.
  template <class Receive>
  void wait(std::uint64_t ns, Receive receive) {
    std::array<epoll_event, 128> events;
    const timespec timeout{static_cast<time_t>(ns / 1'000'000'000U),
                           static_cast<long>(ns % 1'000'000'000U)};
    const int count =
        ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    if (count < 0 && errno != EINTR) die("epoll_pwait2");
    for (int i = 0; i < count; ++i)
      receive(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64));
  }

 private:
  const std::uint16_t port_;
  const int epoll_;
  const std::string head_;
  std::string out_;
};

}  // namespace sluice::bench
