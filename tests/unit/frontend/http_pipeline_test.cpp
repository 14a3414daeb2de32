// SPDX-License-Identifier: Apache-2.0
// Several requests of one client's connection at once.
#include "unit/frontend/session_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;

TEST_CASE(
    "a pipeline is answered in its order, also when answers come late or the client is slow") {
  FrontendFixture f;
  f.handler.hold = true;
  Peer client = f.connect();
  std::string all;
  for (int i = 0; i < 50; ++i) all += post("n" + std::to_string(i));
  REQUIRE(client.send(all));
  for (int i = 0; i < 50; ++i) {
    REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
    CHECK(f.handler.bodies.back() == "n" + std::to_string(i));
    f.handler.answer_next("a" + std::to_string(i));
  }
  REQUIRE(f.until([&] { return answers(client.in()).size() == 50; }));
  const auto all_answers = answers(client.in());
  for (std::size_t i = 0; i < 50; ++i) CHECK(all_answers[i].body == "a" + std::to_string(i));
}

TEST_CASE("a client that has nothing more to ask still gets every answer") {
  FrontendFixture f;
  f.handler.hold = true;
  Peer client = f.connect();
  SECTION("all asked at once") {
    REQUIRE(client.send(post("a") + post("b") + post("c")));
  }
  SECTION("asked while the first is worked on") {
    REQUIRE(client.send(post("a")));
    REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
    REQUIRE(client.send(post("b") + post("c")));
    settle(f.loop);
  }
  SECTION("with half a request behind") {
    REQUIRE(client.send(post("a") + post("b") + post("c") + post("d").substr(0, 60)));
  }
  SECTION("with half a body behind") {
    REQUIRE(
        client.send(post("a") + post("b") + post("c") + post("a body that is cut").substr(0, 100)));
  }
  SECTION("with an empty line behind") {
    REQUIRE(client.send(post("a") + post("b") + post("c") + "\r\n"));
  }
  client.finish();
  settle(f.loop);
  for (const char* answer : {"for a", "for b", "for c"}) {
    REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
    f.handler.answer_next(answer);
    settle(f.loop);
  }
  REQUIRE(f.until([&] { return client.ended(); }));
  CHECK_FALSE(client.was_reset());
  CHECK(f.handler.bodies == std::vector<std::string>{"a", "b", "c"});
  const auto got = answers(client.in());
  REQUIRE(got.size() == 3);
  CHECK(got[2].body == "for c");
  CHECK(got[0].head.find("Connection: close") == std::string::npos);
  CHECK(f.front->sessions() == 0);
}

TEST_CASE("a long pipeline that is answered at once does not grow the stack") {
  FrontendFixture f;
  Peer client = f.connect();
  constexpr std::size_t kRequests = 50000;
  std::string all;
  for (std::size_t i = 0; i < kRequests; ++i) all += post("x");
  std::size_t sent = 0;
  REQUIRE(turn_until(
      f.loop,
      [&] {
        sent += client.send_some(std::string_view(all).substr(sent));
        client.take();
        return f.handler.bodies.size() == kRequests;
      },
      60s));
}
