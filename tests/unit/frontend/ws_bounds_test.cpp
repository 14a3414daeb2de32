// SPDX-License-Identifier: Apache-2.0
// What one WebSocket may have under way and in memory, also over reloads, and slow readers.
#include <algorithm>

#include "unit/frontend/ws_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;

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
