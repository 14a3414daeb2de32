// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::bench {

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline std::uint64_t now_ns() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

/// A connected TCP socket to 127.0.0.1. Blocking until set_nonblocking().
inline int connect_loopback(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    die("connect");
  return fd;
}

inline void set_nonblocking(int fd) {
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) die("fcntl");
}

/// A whole HTTP/1.1 response with a Content-Length at the start of some bytes.
struct HttpReply {
  int status = 0;
  std::size_t bytes = 0;
  std::string_view body;
};

/// Nothing while it is not there in whole. Only what proxies under test send: no chunked bodies.
inline std::optional<HttpReply> find_reply(std::string_view in) {
  const auto head_end = in.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return std::nullopt;
  std::string_view head = in.substr(0, head_end + 2);
  HttpReply reply;
  if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, reply.status);
  std::size_t length = 0;
  for (auto line = head.find("\r\n"); line + 2 < head.size(); line = head.find("\r\n", line + 2)) {
    constexpr std::string_view kName = "content-length:";
    std::string_view field = head.substr(line + 2);
    if (field.size() < kName.size() || (field[0] | 0x20) != 'c') continue;
    bool same = true;
    for (std::size_t i = 0; i < kName.size() && same; ++i)
      same = (field[i] | 0x20) == (kName[i] | 0x20);
    if (!same) continue;
    field.remove_prefix(kName.size());
    while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
    std::from_chars(field.data(), field.data() + field.size(), length);
  }
  reply.bytes = head_end + 4 + length;
  if (in.size() < reply.bytes) return std::nullopt;
  reply.body = in.substr(head_end + 4, length);
  return reply;
}

/// The number after `"id":`; 0 when there is none. The token's first occurrence counts.
inline std::uint64_t find_id(std::string_view body) {
  constexpr std::string_view kKey = "\"id\":";
  const auto at = body.find(kKey);
  std::uint64_t id = 0;
  if (at == std::string_view::npos) return 0;
  std::from_chars(body.data() + at + kKey.size(), body.data() + body.size(), id);
  return id;
}

/// `--name value` from the command line, or `otherwise`.
inline std::string_view option(int argc, char** argv, std::string_view name,
                               std::string_view otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return argv[i + 1];
  }
  return otherwise;
}

inline std::uint64_t number_option(int argc, char** argv, std::string_view name,
                                   std::uint64_t otherwise) {
  const std::string_view text = option(argc, argv, name, "");
  std::uint64_t value = otherwise;
  if (!text.empty()) std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// A call that reads a balance held by a contract: what a trading bot sends all day.
inline std::string call_body(std::uint64_t id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) +
         R"(,"method":"eth_call","params":[{"to":"0xdac17f958d2ee523a2206206994597c13d831ec7",)"
         R"("data":"0x18160ddd"},"latest"]})";
}

}  // namespace sluice::bench
