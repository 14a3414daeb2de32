// SPDX-License-Identifier: Apache-2.0
// A client's WebSocket after its upgrade, frames for it to send, and what it got as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unit/frontend/session_fixture.hpp"
#include "ws/decoder.hpp"
#include "ws/frame.hpp"

namespace sluice::testing {

inline constexpr std::string_view kUpgrade =
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

inline std::string frame(std::string_view payload, ws::Opcode opcode = ws::Opcode::kText) {
  std::string out;
  ws::append_frame(out, ws::Role::kClient, opcode, payload, 0x12345678);
  return out;
}

/// A fragment: all but the first are continuations, all but the last without FIN.
inline std::string fragment(std::string_view payload, bool first, bool last) {
  std::string out(ws::kFrameHeaderMax, '\0');
  const auto opcode = first ? ws::Opcode::kText : ws::Opcode::kContinuation;
  out.resize(
      ws::write_frame_header(out.data(), ws::Role::kClient, opcode, payload.size(), 0, last));
  // A key of zero masks nothing.
  return out.append(payload);
}

/// What the server has sent behind the 101, as text: messages, and control frames in brackets.
inline void read_events(std::string& bytes, ws::Decoder& decoder,
                        std::vector<std::string>& events) {
  for (;;) {
    std::size_t consumed = 0;
    const ws::Event event = decoder.next(bytes.data(), bytes.size(), consumed, now());
    using Kind = ws::Event::Kind;
    switch (event.kind) {
      case Kind::kMessage:
        events.emplace_back(event.payload);
        break;
      case Kind::kPing:
        events.push_back("[ping " + std::string(event.payload) + "]");
        break;
      case Kind::kPong:
        events.push_back("[pong " + std::string(event.payload) + "]");
        break;
      case Kind::kClose:
        events.push_back("[close " + std::to_string(event.close_code) + "]");
        break;
      case Kind::kError:
        events.push_back("[error]");
        break;
      case Kind::kNeedMore:
        bytes.erase(0, consumed);
        return;
    }
    bytes.erase(0, consumed);
  }
}

struct WsFixture : FrontendFixture {
  explicit WsFixture(const frontend::Options& with = {}) : FrontendFixture(with) {
    handler.channel = channel;
  }
  ~WsFixture() {
    channel->held.clear();
    front->cut();
  }
  /// A client after its upgrade.
  void open(std::string_view behind = {}) {
    client = connect();
    REQUIRE(client.send(std::string(kUpgrade).append(behind)));
    REQUIRE(got(client, "\r\n\r\n"));
    unread = client.take();
    REQUIRE(unread.starts_with("HTTP/1.1 101 "));
    REQUIRE(unread.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    unread.erase(0, unread.find("\r\n\r\n") + 4);
  }
  const std::vector<std::string>& events() {
    unread += client.take();
    read_events(unread, decoder, seen);
    return seen;
  }
  bool until_events(std::size_t count) {
    return until([&] { return events().size() >= count; });
  }

  net::Ref<FakeChannel> channel{new FakeChannel};
  Peer client;
  std::string unread;
  ws::Decoder decoder{ws::Role::kClient};
  std::vector<std::string> seen;
};

}  // namespace sluice::testing
