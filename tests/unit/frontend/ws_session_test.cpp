// SPDX-License-Identifier: Apache-2.0
// A client's WebSocket: calls side by side, pings, the closing handshake.
#include "frontend/ws_session.hpp"

#include <algorithm>

#include "unit/frontend/ws_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;

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
