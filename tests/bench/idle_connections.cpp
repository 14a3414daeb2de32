// SPDX-License-Identifier: Apache-2.0
// Opens many keep-alive connections, makes one call on each, and then leaves them idle.
//   bench_idle_connections --port P --connections N [--tls 1 | --websocket 1]
// Prints {"connections":N,"wrong":0} when all have had their answer. Each line on standard input
// asks for one more call on each, with one more such line; the end of input closes them.
#include <array>
#include <iostream>
#include <memory>
#include <vector>

#include <openssl/ssl.h>

#include "load/client.hpp"
#include "load/websocket.hpp"

namespace {

using namespace sluice::bench;

struct FreeTls {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

struct Peer {
  int fd = -1;
  std::unique_ptr<SSL, FreeTls> tls;
  bool websocket = false;
};

Peer connect_peer(std::uint16_t port, SSL_CTX* context) {
  Peer peer;
  peer.fd = connect_loopback(port);
  if (context == nullptr) return peer;
  peer.tls.reset(SSL_new(context));
  SSL_set_fd(peer.tls.get(), peer.fd);
  if (SSL_connect(peer.tls.get()) != 1) {
    std::fprintf(stderr, "TLS handshake failed\n");
    std::exit(1);
  }
  return peer;
}

bool call_by_frame(const Peer& peer, std::uint64_t id) {
  std::string out;
  append_frame(out, call_body(id));
  if (::send(peer.fd, out.data(), out.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out.size()))
    return false;
  std::string in;
  std::array<char, 8192> buffer;
  for (;;) {
    const auto got = ::recv(peer.fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    in.append(buffer.data(), static_cast<std::size_t>(got));
    if (const Frame frame = find_frame(in); frame.bytes != 0)
      return frame.text && find_id(frame.payload) == id && frame.bytes == in.size();
  }
}

/// One call and its answer; returns whether the answer is right.
bool call(const Peer& peer, std::uint16_t port, std::uint64_t id) {
  if (peer.websocket) return call_by_frame(peer, id);
  const std::string body = call_body(id);
  const std::string request =
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  const auto size = static_cast<int>(request.size());
  const auto sent = peer.tls != nullptr
                        ? SSL_write(peer.tls.get(), request.data(), size)
                        : ::send(peer.fd, request.data(), request.size(), MSG_NOSIGNAL);
  if (sent != size) return false;
  std::string in;
  std::array<char, 8192> buffer;
  for (;;) {
    const auto got = peer.tls != nullptr
                         ? SSL_read(peer.tls.get(), buffer.data(), static_cast<int>(buffer.size()))
                         : ::recv(peer.fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    in.append(buffer.data(), static_cast<std::size_t>(got));
    if (const auto reply = find_reply(in))
      return reply->status == 200 && find_id(reply->body) == id && reply->bytes == in.size();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(number_option(argc, argv, "--port", 0));
  const std::uint64_t connections = number_option(argc, argv, "--connections", 1000);
  if (port == 0) {
    std::fprintf(stderr, "usage: --port P --connections N [--tls 1 | --websocket 1]\n");
    return 2;
  }
  std::unique_ptr<SSL_CTX, FreeTls> context;
  if (number_option(argc, argv, "--tls", 0) != 0) {
    context.reset(SSL_CTX_new(TLS_client_method()));
    // The certificate was made for this run: whose it is does not matter here.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  }
  const bool websocket = number_option(argc, argv, "--websocket", 0) != 0;
  std::vector<Peer> peers;
  std::uint64_t wrong = 0;
  std::uint64_t id = 0;
  for (std::uint64_t i = 0; i < connections; ++i) {
    peers.push_back(connect_peer(port, context.get()));
    if (websocket) {
      upgrade(peers.back().fd, port);
      peers.back().websocket = true;
    }
    if (!call(peers.back(), port, ++id)) ++wrong;
  }
  const auto report = [&] {
    std::cout << "{\"connections\":" << peers.size() << ",\"wrong\":" << wrong << "}" << std::endl;
  };
  report();
  for (std::string line; std::getline(std::cin, line);) {
    wrong = 0;
    for (const Peer& peer : peers) {
      if (!call(peer, port, ++id)) ++wrong;
    }
    report();
  }
  return 0;
}
