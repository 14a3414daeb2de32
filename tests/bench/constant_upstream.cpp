// SPDX-License-Identifier: Apache-2.0
// A node that answers every JSON-RPC call with the same result and the call's own id, as cheaply as
// a socket server can: what is measured in front of it is the proxy. Prints its port as the first
// line, and serves until it is killed.
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include <sys/epoll.h>

#include "load/client.hpp"

namespace {

using namespace sluice::bench;

/// One client of the node: what came and was not yet a whole request, what could not leave yet.
struct Peer {
  int fd = -1;
  bool closing = false;
  bool waits_to_write = false;
  std::string in;
  std::string out;
};

/// The id's bytes as they came, so that a string or a float comes back as it was. The first `"id"`
/// of an object is taken for its id, which holds for what clients send.
std::string_view id_token(std::string_view body, std::size_t& from) {
  constexpr std::string_view kKey = "\"id\"";
  auto at = body.find(kKey, from);
  if (at == std::string_view::npos) return {};
  at = body.find_first_not_of(" \t:", at + kKey.size());
  if (at == std::string_view::npos) return {};
  const auto end = body[at] == '"' ? body.find('"', at + 1) + 1 : body.find_first_of(",} \t", at);
  if (end == std::string_view::npos || end == 0) return {};
  from = end;
  return body.substr(at, end - at);
}

void append_result(std::string& out, std::string_view id) {
  out.append(R"({"jsonrpc":"2.0","id":)").append(id.empty() ? "null" : id);
  out.append(R"(,"result":"0x1234"})");
}

void answer(std::string& out, std::string_view body) {
  thread_local std::string reply;
  reply.clear();
  std::size_t from = 0;
  if (body.starts_with('[')) {
    for (auto id = id_token(body, from); !id.empty(); id = id_token(body, from)) {
      reply.push_back(reply.empty() ? '[' : ',');
      append_result(reply, id);
    }
    reply.push_back(']');
  } else {
    append_result(reply, id_token(body, from));
  }
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), reply.size()).ptr;
  out.append("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ");
  out.append(digits.data(), end).append("\r\n\r\n").append(reply);
}

/// The value of a header field of a head, whatever the case of its name; `name` is lower case and
/// ends in a colon.
std::string_view field(std::string_view head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2);
    if (line.size() < name.size() ||
        !std::equal(name.begin(), name.end(), line.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b | 0x20 : b); }))
      continue;
    const auto begin = std::min(line.find_first_not_of(' ', name.size()), line.size());
    return line.substr(begin, line.find("\r\n") - begin);
  }
  return {};
}

/// Answers all whole requests in `in`; returns the bytes they took.
std::size_t answer_all(Peer& peer, std::string_view in) {
  std::size_t taken = 0;
  while (!peer.closing) {
    const std::string_view left = in.substr(taken);
    const auto head_end = left.find("\r\n\r\n");
    if (head_end == std::string_view::npos) break;
    const std::string_view head = left.substr(0, head_end + 2);
    const std::string_view text = field(head, "content-length:");
    std::size_t length = 0;
    std::from_chars(text.data(), text.data() + text.size(), length);
    if (left.size() < head_end + 4 + length) break;
    answer(peer.out, left.substr(head_end + 4, length));
    peer.closing = field(head, "connection:") == "close";
    taken += head_end + 4 + length;
  }
  return taken;
}

class Server {
 public:
  explicit Server(int listener) : listener_(listener), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto* peer = static_cast<Peer*>(event.data.ptr);
        if (peer == nullptr) {
          accept_all();
        } else if (!serve(*peer, event.events)) {
          ::close(peer->fd);
          delete peer;
        }
      }
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t events, Peer* peer) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = peer;
    if (::epoll_ctl(epoll_, operation, fd, &event) != 0) die("epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      auto peer = std::make_unique<Peer>();
      peer->fd = fd;
      watch(EPOLL_CTL_ADD, fd, EPOLLIN, peer.release());
    }
  }

  /// Returns false when the connection is over.
  bool serve(Peer& peer, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) return flush(peer);
    const ssize_t got = ::recv(peer.fd, buffer_.data(), buffer_.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (got < 0) return true;
    const std::string_view fresh(buffer_.data(), static_cast<std::size_t>(got));
    if (peer.in.empty()) {
      const std::size_t taken = answer_all(peer, fresh);
      if (taken < fresh.size()) peer.in.assign(fresh.substr(taken));
    } else {
      peer.in.append(fresh);
      peer.in.erase(0, answer_all(peer, peer.in));
    }
    return peer.out.empty() || flush(peer);
  }

  bool flush(Peer& peer) {
    const ssize_t sent = ::send(peer.fd, peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0 && static_cast<std::size_t>(sent) == peer.out.size()) {
      peer.out.clear();
    } else if (sent > 0) {
      peer.out.erase(0, static_cast<std::size_t>(sent));
    }
    if (!peer.out.empty() != peer.waits_to_write) {
      peer.waits_to_write = !peer.waits_to_write;
      // No reading while a client does not take its answers.
      watch(EPOLL_CTL_MOD, peer.fd, peer.waits_to_write ? EPOLLOUT : EPOLLIN, &peer);
    }
    return !(peer.closing && peer.out.empty());
  }

  int listener_;
  int epoll_;
  std::vector<char> buffer_ = std::vector<char>(262144);
};

int listen_on(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(fd, 4096) != 0) die("listen");
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) die("getsockname");
  port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::uint64_t threads = number_option(argc, argv, "--threads", 1);
  auto port = static_cast<std::uint16_t>(number_option(argc, argv, "--port", 0));
  std::vector<std::unique_ptr<Server>> servers;
  // One listener per thread on one port: the kernel spreads the connections.
  for (std::uint64_t i = 0; i < threads; ++i)
    servers.push_back(std::make_unique<Server>(listen_on(port)));
  std::printf("%u\n", port);
  std::fflush(stdout);
  std::vector<std::thread> running;
  for (std::size_t i = 1; i < servers.size(); ++i)
    running.emplace_back([server = servers[i].get()] { server->run(); });
  servers[0]->run();
}
