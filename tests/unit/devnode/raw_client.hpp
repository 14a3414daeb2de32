// SPDX-License-Identifier: Apache-2.0
// A blocking socket that shows exactly what a server sent, and a server on a thread of its own.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "devnode/server.hpp"
#include "support/catch.hpp"

namespace sluice::devnode {

/// A transfer that was signed with another implementation (ethers), and a request that sends it.
inline constexpr std::string_view kRawTransaction =
    "0x02f868827a69800184773594008252089411111111111111111111111111111111111111110180c080"
    "a0ed7139576e4c03ff0ea7284aa61c15d62c251dc3f5a60a5fcce751a5a375db09"
    "a0314dd86f6567b8de5d608cdf36533c63d5960c99dbf19626c5e794e79b1d732e";
inline const std::string kSend = R"({"id":1,"method":"eth_sendRawTransaction","params":[")" +
                                 std::string(kRawTransaction) + "\"]}";

inline std::string post_text(std::string_view body, std::string_view path = "/",
                             std::string_view method = "POST", std::string_view fields = "") {
  std::string text(method);
  text.append(" ").append(path).append(
      " HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\n");
  text.append(fields)
      .append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n");
  return text.append(body);
}

/// One connection. Reads give up after 20 seconds, far above anything a sound test waits for.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      REQUIRE(sent > 0);
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// Reads until `size` bytes are there; false at the end of the connection.
  bool fill(std::size_t size) {
    while (in_.size() < size) {
      char block[65536];
      const ssize_t got = ::recv(fd_, block, sizeof block, 0);
      if (got <= 0) {
        timed_out_ = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        return false;
      }
      in_.append(block, static_cast<std::size_t>(got));
    }
    return true;
  }
  std::string take(std::size_t size) {
    REQUIRE(fill(size));
    std::string taken = in_.substr(0, size);
    in_.erase(0, size);
    return taken;
  }
  /// Everything up to the end of the connection.
  std::string rest() {
    while (fill(in_.size() + 1)) {
    }
    CHECK_FALSE(timed_out_);
    return std::move(in_);
  }
  /// Everything up to and with `end`.
  std::string until(std::string_view end) {
    while (in_.find(end) == std::string::npos) REQUIRE(fill(in_.size() + 1));
    return take(in_.find(end) + end.size());
  }
  /// The body of the next reply, by its Content-Length.
  std::string body() {
    head = until("\r\n\r\n");
    constexpr std::string_view kField = "Content-Length: ";
    const std::size_t at = head.find(kField);
    REQUIRE(at != std::string::npos);
    return take(std::stoul(head.substr(at + kField.size())));
  }
  std::string ask(std::string_view body_text, std::string_view path = "/") {
    send(post_text(body_text, path));
    return body();
  }
  [[nodiscard]] bool silent() const {
    pollfd watch{fd_, POLLIN, 0};
    return in_.empty() && ::poll(&watch, 1, 0) == 0;
  }

  std::string head;

 private:
  int fd_;
  std::string in_;
  bool timed_out_ = false;
};

/// A server whose chain is mined by hand, unless the options say otherwise.
class RunningServer {
 public:
  explicit RunningServer(Options options = {.block_interval = Duration{0}})
      : server(options), thread_([this] { server.run(); }) {}
  ~RunningServer() { server.stop(); }

  void faults(std::string_view json) {
    INFO(json);
    REQUIRE(server.set_faults(json).has_value());
  }

  Server server;

 private:
  std::jthread thread_;
};

}  // namespace sluice::devnode
