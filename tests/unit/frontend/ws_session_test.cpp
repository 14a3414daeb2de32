// SPDX-License-Identifier: Apache-2.0
// A client's WebSocket: calls side by side, bounds, pings, the closing handshake, slow readers.
#include "frontend/ws_session.hpp"

#include <algorithm>

#include "unit/frontend/session_fixture.hpp"
#include "ws/decoder.hpp"
#include "ws/frame.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kUpgrade =
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

std::string frame(std::string_view payload, ws::Opcode opcode = ws::Opcode::kText) {
  std::string out;
  ws::append_frame(out, ws::Role::kClient, opcode, payload, 0x12345678);
  return out;
}

/// A fragment: all but the first are continuations, all but the last without FIN.
std::string fragment(std::string_view payload, bool first, bool last) {
  std::string out(ws::kFrameHeaderMax, '\0');
  const auto opcode = first ? ws::Opcode::kText : ws::Opcode::kContinuation;
  out.resize(
      ws::write_frame_header(out.data(), ws::Role::kClient, opcode, payload.size(), 0, last));
  // A key of zero masks nothing.
  return out.append(payload);
}

/// What the server has sent behind the 101, as text: messages, and control frames in brackets.
void read_events(std::string& bytes, ws::Decoder& decoder, std::vector<std::string>& events) {
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

}  // namespace

TEST_CASE("messages are answered as they finish, in any order") {
  WsFixture f;
  f.open();
  f.channel->hold = true;
  REQUIRE(f.client.send(frame("a") + frame("b") + frame("c")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 3; }));
  CHECK(f.channel->messages == std::vector<std::string>{"a", "b", "c"});
  std::swap(f.channel->held[0], f.channel->held[2]);
  f.channel->answer_next("for c");
  f.channel->answer_next("for b");
  f.channel->answer_next("for a");
  REQUIRE(f.until_events(3));
  CHECK(f.events() == std::vector<std::string>{"for c", "for b", "for a"});
  CHECK(f.handler.connections == std::array<int, 2>{0, 1});
}

TEST_CASE("messages, however they are cut or fragmented") {
  const std::string bytes = frame("one") + fragment("t", true, false) +
                            frame("p", ws::Opcode::kPing) + fragment("", false, false) +
                            fragment("wo", false, true) + frame(std::string(70000, 'x'));
  frontend::Options options;
  options.websocket_pings_per_s = 1000;
  WsFixture f(options);
  f.open();
  for (std::size_t cut = 0; cut < 60; ++cut) {
    INFO("cut at " << cut);
    f.seen.clear();
    REQUIRE(f.client.send(bytes.substr(0, cut)));
    settle(f.loop);
    std::string_view rest = std::string_view(bytes).substr(cut);
    REQUIRE(f.until([&] {
      rest.remove_prefix(f.client.send_some(rest));
      return f.events().size() >= 4;
    }));
    REQUIRE(f.seen.size() == 4);
    std::vector<std::string> sorted = f.seen;
    std::ranges::sort(sorted);
    CHECK(sorted[0] == "[pong p]");
    CHECK(sorted[1] == "re:one");
    CHECK(sorted[2] == "re:two");
    CHECK(sorted[3] == "re:" + std::string(70000, 'x'));
  }
}

TEST_CASE("bytes right behind the handshake belong to the WebSocket") {
  WsFixture f;
  f.open(frame("early"));
  REQUIRE(f.until_events(1));
  CHECK(f.events()[0] == "re:early");
}

TEST_CASE("over TLS") {
  WsFixture f;
  const TlsMaterial material("localhost");
  f.listener->tls = *net::ServerTls::make(material.certificate(), material.key());
  TlsPeer client(f.connect());
  REQUIRE(f.until([&] { return client.handshake(); }));
  REQUIRE(client.send(kUpgrade));
  REQUIRE(f.until([&] { return client.in().find("\r\n\r\n") != std::string::npos; }));
  client.take();
  std::string bytes;
  for (int round = 0; round < 2; ++round) {
    REQUIRE(client.send(frame("a") + frame("b")));
    REQUIRE(f.until([&] {
      bytes += client.take();
      read_events(bytes, f.decoder, f.seen);
      return f.seen.size() == 2;
    }));
    CHECK(f.seen == std::vector<std::string>{"re:a", "re:b"});
    f.seen.clear();
    // Long enough to be parked in between.
    const TimePoint later = now() + 1050ms;
    REQUIRE(f.until([&] { return now() > later; }));
  }
  CHECK_FALSE(client.ended());
}

TEST_CASE("no more calls at once than the bound: the rest waits in the socket") {
  frontend::Options options;
  options.websocket_in_flight_max = 3;
  WsFixture f(options);
  f.open();
  f.channel->hold = true;
  std::string all;
  for (int i = 0; i < 10; ++i) all += frame(std::to_string(i));
  REQUIRE(f.client.send(all));
  for (int done = 0; done < 10; ++done) {
    const auto expected = static_cast<std::size_t>(std::min(3, 10 - done));
    REQUIRE(f.until([&] { return f.channel->held.size() == expected; }));
    settle(f.loop);
    CHECK(f.channel->held.size() == expected);
    f.channel->answer_next("ok");
  }
  REQUIRE(f.until_events(10));
  // And it reads on.
  f.channel->hold = false;
  REQUIRE(f.client.send(frame("more")));
  CHECK(f.until_events(11));
}

TEST_CASE("a bound that a reload raises holds for sessions that were at the old one") {
  frontend::Options options;
  options.websocket_in_flight_max = 2;
  WsFixture f(options);
  f.open();
  f.channel->hold = true;
  REQUIRE(f.client.send(frame("a") + frame("b") + frame("c")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 2; }));
  settle(f.loop);
  options.websocket_in_flight_max = 100;
  f.configure(options);
  f.channel->answer_next("for a");
  REQUIRE(f.until([&] { return f.channel->held.size() == 2; }));
  f.channel->answer_next("for b");
  f.channel->answer_next("for c");
  f.channel->hold = false;
  REQUIRE(f.client.send(frame("d")));
  REQUIRE(f.until_events(4));
  CHECK(f.events().back() == "re:d");
}

TEST_CASE("a bound that a reload lowers holds from the next message on") {
  frontend::Options options;
  options.websocket_in_flight_max = 3;
  WsFixture f(options);
  f.open();
  f.channel->hold = true;
  REQUIRE(f.client.send(frame("a") + frame("b") + frame("c")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 3; }));
  options.websocket_in_flight_max = 1;
  f.configure(options);
  REQUIRE(f.client.send(frame("d") + frame("e")));
  for (std::size_t left = 3; left > 1; --left) {
    f.channel->answer_next("ok");
    settle(f.loop);
    CHECK(f.channel->held.size() == left - 1);
  }
  f.channel->answer_next("ok");
  REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
  f.channel->answer_next("ok");
  REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
  f.channel->answer_next("ok");
  REQUIRE(f.until_events(5));
  CHECK_FALSE(f.client.ended());
}

TEST_CASE("no more bytes of calls at once than one message may have") {
  frontend::Options options;
  options.websocket_message_max = 1000;
  WsFixture f(options);
  f.open();
  f.channel->hold = true;
  for (int i = 0; i < 5; ++i) REQUIRE(f.client.send(frame(std::string(600, 'x'))));
  REQUIRE(f.until([&] { return f.channel->held.size() == 2; }));
  settle(f.loop);
  CHECK(f.channel->held.size() == 2);
  f.channel->hold = false;
  f.channel->answer_next("ok");
  f.channel->answer_next("ok");
  REQUIRE(f.until_events(5));
}

TEST_CASE("a reply larger than a message may be is sent, a reader that falls behind is cut") {
  frontend::Options options;
  options.websocket_message_max = 10000;
  WsFixture f(options);
  f.open();
  f.channel->hold = true;
  SECTION("large") {
    REQUIRE(f.client.send(frame("x")));
    REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
    f.channel->answer_next(std::string(3'000'000, 'y'));
    REQUIRE(f.until_events(1));
    CHECK(f.events()[0] == std::string(3'000'000, 'y'));
    CHECK(f.handler.rejections.empty());
  }
  SECTION("behind") {
    f.client.receive_buffer(4096);
    for (int i = 0; i < 4; ++i) REQUIRE(f.client.send(frame("x")));
    REQUIRE(f.until([&] { return f.channel->held.size() == 4; }));
    f.channel->answer_next(std::string(9'000'000, 'y'));
    settle(f.loop);
    f.channel->answer_next(std::string(15000, 'y'));
    settle(f.loop);
    CHECK(f.handler.rejections.empty());
    f.channel->answer_next(std::string(15000, 'y'));
    CHECK(f.handler.rejections == std::vector<std::string>{"slow_reader"});
    CHECK(f.front->sessions() == 0);
    f.channel->answer_next("to nobody");
  }
}

TEST_CASE("a slow write is not cut short because the client goes on asking") {
  WsFixture f;
  f.open();
  f.channel->hold = true;
  REQUIRE(f.client.send(frame("x")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
  f.channel->answer_next(std::string(12'000'000, 'y'));
  settle(f.loop);
  REQUIRE(f.client.send(frame("z")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
  const TimePoint later = now() + 1200ms;
  REQUIRE(f.until([&] { return now() > later; }));
  CHECK(f.handler.rejections.empty());
  f.channel->answer_next("second");
  REQUIRE(f.until_events(2));
  CHECK(f.events()[1] == "second");
}

TEST_CASE("the closing handshake") {
  WsFixture f;
  f.open();
  SECTION("the client begins, with a ping before it") {
    REQUIRE(f.client.send(frame("p", ws::Opcode::kPing) + frame("\x03\xe8", ws::Opcode::kClose)));
    REQUIRE(f.until_events(2));
    CHECK(f.events() == std::vector<std::string>{"[pong p]", "[close 1000]"});
    REQUIRE(f.until([&] { return f.client.ended(); }));
    CHECK(f.front->sessions() == 1);
    f.client.close();
    CHECK(f.until([&] { return f.front->sessions() == 0; }));
  }
  SECTION("nothing follows a close frame, not even a reply that comes late") {
    f.channel->hold = true;
    REQUIRE(f.client.send(frame("x") + frame("", ws::Opcode::kClose) + frame("y")));
    REQUIRE(f.until_events(1));
    f.channel->answer_next("late");
    settle(f.loop);
    CHECK(f.events() == std::vector<std::string>{"[close 1005]"});
    CHECK(f.channel->messages == std::vector<std::string>{"x"});
  }
  SECTION("a breach of the protocol") {
    REQUIRE(f.client.send("\x81\x01z"));  // not masked
    REQUIRE(f.until_events(1));
    CHECK(f.events() == std::vector<std::string>{"[close 1002]"});
    CHECK(f.handler.rejections == std::vector<std::string>{"websocket_protocol"});
    f.client.close();
    CHECK(f.until([&] { return f.front->sessions() == 0; }));
  }
  SECTION("a client that just goes") {
    f.channel->hold = true;
    REQUIRE(f.client.send(frame("x")));
    REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
    f.client.reset();
    REQUIRE(f.until([&] { return f.front->sessions() == 0; }));
    f.channel->answer_next("to nobody");
    CHECK(f.handler.connections == std::array<int, 2>{0, 0});
  }
}

TEST_CASE("draining: what is under way is answered, then 1001") {
  WsFixture f;
  f.open();
  f.channel->hold = true;
  REQUIRE(f.client.send(frame("x")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 1; }));
  f.front->drain();
  // A read was under way: what comes with it is still taken.
  REQUIRE(f.client.send(frame("y")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 2; }));
  REQUIRE(f.client.send(frame("too late")));
  settle(f.loop);
  CHECK(f.channel->held.size() == 2);
  f.channel->answer_next("for x");
  f.channel->answer_next("for y");
  REQUIRE(f.until_events(3));
  CHECK(f.events() == std::vector<std::string>{"for x", "for y", "[close 1001]"});
  REQUIRE(f.client.send(frame("\x03\xe9", ws::Opcode::kClose)));
  CHECK(f.until([&] { return f.front->sessions() == 0; }));
  CHECK(f.channel->messages.size() == 2);

  Peer late = f.connect();
  REQUIRE(late.send(kUpgrade));
  REQUIRE(f.got(late, "HTTP/1.1 503"));
}

TEST_CASE("draining an idle one: 1001 at once, whether it has been parked or not") {
  for (const bool parked : {false, true}) {
    WsFixture f;
    f.open();
    if (parked) {
      const TimePoint later = now() + 1050ms;
      REQUIRE(f.until([&] { return now() > later; }));
    }
    f.front->drain();
    REQUIRE(f.until_events(1));
    CHECK(f.events() == std::vector<std::string>{"[close 1001]"});
    REQUIRE(f.client.send(frame("\x03\xe9", ws::Opcode::kClose)));
    CHECK(f.until([&] { return f.front->sessions() == 0; }));
  }
}

TEST_CASE("cutting counts what was under way") {
  WsFixture f;
  f.open();
  f.channel->hold = true;
  REQUIRE(f.client.send(frame("x") + frame("y")));
  REQUIRE(f.until([&] { return f.channel->held.size() == 2; }));
  CHECK(f.front->cut() == 2);
  f.channel->answer_next("to nobody");
  CHECK(f.until([&] { return f.client.ended(); }));
}

TEST_CASE("an upgrade that is refused stays HTTP") {
  WsFixture f;
  f.handler.upgrade_refusal = frontend::Refusal{401, -32000, "no", "unauthorized", {}};
  Peer client = f.connect();
  REQUIRE(client.send(kUpgrade));
  REQUIRE(f.got(client, "HTTP/1.1 401"));
  client.take();
  REQUIRE(client.send(post("x")));
  CHECK(f.got(client, "re:x"));

  Peer other = f.connect();
  std::string old(kUpgrade);
  old.replace(old.find("Version: 13"), 11, "Version: 12");
  REQUIRE(other.send(old));
  REQUIRE(f.got(other, "HTTP/1.1 426"));
  CHECK(other.in().find("Sec-WebSocket-Version: 13") != std::string::npos);
}
