// SPDX-License-Identifier: Apache-2.0
// As much of a WebSocket client (RFC 6455) as the load generators need.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "load/client.hpp"

namespace sluice::bench {

inline constexpr std::array<char, 4> kMask = {'\x3a', '\x71', '\x0f', '\x5c'};

/// A masked text frame (RFC 6455, 5.2); the payload is below 64 KiB.
inline void append_frame(std::string& out, std::string_view payload) {
  out.push_back('\x81');
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    out.push_back(static_cast<char>(0x80U | 126U));
    out.push_back(static_cast<char>(payload.size() >> 8U));
    out.push_back(static_cast<char>(payload.size() & 0xffU));
  }
  out.append(kMask.data(), kMask.size());
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
}

struct Frame {
  std::size_t bytes = 0;
  bool text = false;
  std::string_view payload;
};

/// The first whole frame from a server; `bytes` is 0 while it is not there.
inline Frame find_frame(std::string_view in) {
  if (in.size() < 2) return {};
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(in[i]); };
  std::size_t head = 2;
  std::uint64_t size = at(1) & 0x7fU;
  const std::size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (extra != 0) {
    head += extra;
    if (in.size() < head) return {};
    size = 0;
    for (std::size_t i = 2; i < head; ++i) size = size << 8U | at(i);
  }
  if (in.size() < head + size) return {};
  return {head + size, at(0) == 0x81, in.substr(head, size)};
}

/// On a blocking socket; ends the program when the server does not agree.
inline void upgrade(int fd, std::uint16_t port) {
  const std::string request = "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: c2x1aWNlIGJlbmNobWFyaw==\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) die("send");
  std::array<char, 4096> buffer;
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) die("recv of the upgrade");
    head.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (!head.starts_with("HTTP/1.1 101")) {
    std::fprintf(stderr, "not upgraded: %s\n", head.c_str());
    std::exit(1);
  }
}

}  // namespace sluice::bench
