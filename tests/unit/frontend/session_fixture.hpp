// SPDX-License-Identifier: Apache-2.0
// A frontend before a handler that the test writes, and clients on the other end of real sockets.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frontend/frontend.hpp"
#include "support/loopback.hpp"
#include "support/tls_material.hpp"

namespace sluice::testing {

/// Answers as it is told; holds responders for a test that wants to answer later.
class FakeHandler final : public frontend::Handler, public frontend::Observer {
 public:
  std::optional<frontend::Refusal> check(const frontend::Request&) override {
    ++checks;
    return check_refusal;
  }
  void handle(const frontend::Request& request, net::Ref<frontend::Responder> responder) override {
    bodies.emplace_back(request.body);
    paths.emplace_back(request.head.path);
    peers.emplace_back(request.peer);
    if (on_request) {
      on_request(request, responder);
    } else if (hold) {
      held.push_back(std::move(responder));
    } else {
      answer(*responder, "re:" + std::string(request.body));
    }
  }
  frontend::Opened open_websocket(const frontend::Request&) override {
    ++upgrades;
    if (upgrade_refusal) return {nullptr, upgrade_refusal};
    return {channel, std::nullopt};
  }
  [[nodiscard]] bool knows_path(std::string_view path) const override { return path == "/"; }

  void http_request(int status) override { statuses.push_back(status); }
  void rejected(std::string_view reason) override { rejections.emplace_back(reason); }
  void connections_changed(frontend::Protocol protocol, int delta) override {
    connections[static_cast<std::size_t>(protocol)] += delta;
  }

  static void answer(frontend::Responder& responder, std::string_view body) {
    responder.reply({.status = 200, .body = {&body, 1}});
  }
  /// Takes the first held responder and answers it.
  void answer_next(std::string_view body) {
    REQUIRE_FALSE(held.empty());
    const net::Ref<frontend::Responder> responder = std::move(held.front());
    held.pop_front();
    answer(*responder, body);
  }

  bool hold = false;
  std::function<void(const frontend::Request&, net::Ref<frontend::Responder>&)> on_request;
  std::optional<frontend::Refusal> check_refusal;
  std::optional<frontend::Refusal> upgrade_refusal;
  net::Ref<frontend::Channel> channel;
  std::deque<net::Ref<frontend::Responder>> held;
  std::vector<std::string> bodies;
  std::vector<std::string> paths;
  std::vector<std::string> peers;
  std::vector<int> statuses;
  std::vector<std::string> rejections;
  std::array<int, 2> connections{};
  int checks = 0;
  int upgrades = 0;
};

/// A WebSocket's messages, answered at once or held.
class FakeChannel final : public frontend::Channel {
 public:
  void message(std::string_view body, net::Ref<frontend::Responder> responder) override {
    messages.emplace_back(body);
    if (hold) {
      held.push_back(std::move(responder));
      return;
    }
    FakeHandler::answer(*responder, "re:" + std::string(body));
  }
  void answer_next(std::string_view body) {
    REQUIRE_FALSE(held.empty());
    const net::Ref<frontend::Responder> responder = std::move(held.front());
    held.pop_front();
    FakeHandler::answer(*responder, body);
  }
  bool hold = false;
  std::vector<std::string> messages;
  std::deque<net::Ref<frontend::Responder>> held;
};

struct FrontendFixture {
  explicit FrontendFixture(const frontend::Options& with = {}) { configure(with); }
  ~FrontendFixture() {
    handler.held.clear();
    handler.channel = nullptr;
    if (front) front->cut();
    settle(loop);
  }

  void configure(const frontend::Options& with) {
    options = std::make_shared<frontend::Options>(with);
    if (front) {
      front->reconfigure(options, trusted);
    } else {
      front.emplace(loop, handler, handler, options, trusted);
    }
  }
  /// A client's connection that has just been accepted.
  Peer connect() {
    Pair pair = connected_pair(loop);
    const net::TcpEndpoint peer(net::asio::ip::address_v4::loopback(), 50000);
    front->adopt(std::move(pair.ours), peer, listener, place);
    return std::move(pair.theirs);
  }
  bool until(const std::function<bool()>& done) { return turn_until(loop, done); }
  /// Turns until the client has these bytes somewhere in what it got.
  bool got(Peer& client, std::string_view text) {
    return until([&] { return client.in().find(text) != std::string::npos; });
  }

  net::Loop loop;
  FakeHandler handler;
  std::shared_ptr<frontend::Options> options;
  std::shared_ptr<frontend::TrustedNetworks> trusted =
      std::make_shared<frontend::TrustedNetworks>();
  std::shared_ptr<frontend::ListenerOptions> listener =
      std::make_shared<frontend::ListenerOptions>();
  std::shared_ptr<void> place = std::make_shared<int>(0);
  std::optional<frontend::Frontend> front;
};

inline std::string post(std::string_view body, std::string_view fields = {},
                        std::string_view version = "HTTP/1.1") {
  std::string text = "POST / ";
  text.append(version).append("\r\nHost: localhost\r\nContent-Type: application/json\r\n");
  text.append(fields).append("Content-Length: ").append(std::to_string(body.size()));
  text.append("\r\n\r\n").append(body);
  return text;
}

/// Status and body of the replies in a stream of bytes that all have a Content-Length (or none).
struct Answer {
  int status = 0;
  std::string head;
  std::string body;
};
inline std::vector<Answer> answers(std::string_view bytes) {
  std::vector<Answer> found;
  for (;;) {
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return found;
    Answer answer{.head = std::string(bytes.substr(0, end + 2))};
    if (!answer.head.starts_with("HTTP/1.1 ")) return {};
    answer.status = std::stoi(answer.head.substr(9, 3));
    std::size_t length = 0;
    if (const auto at = answer.head.find("Content-Length: "); at != std::string::npos)
      length = std::stoul(answer.head.substr(at + 16));
    if (bytes.size() < end + 4 + length) return found;
    answer.body = bytes.substr(end + 4, length);
    bytes.remove_prefix(end + 4 + length);
    found.push_back(std::move(answer));
  }
}

}  // namespace sluice::testing
