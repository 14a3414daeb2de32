// SPDX-License-Identifier: Apache-2.0
// The life of a client's HTTP connection: requests, time limits, draining, closing.
#include "frontend/http_session.hpp"

#include "unit/frontend/session_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;

TEST_CASE("a request, however it is cut, is answered once and the connection kept") {
  const std::vector<std::string> requests = {
      post("body"),
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n"};
  for (const std::string& request : requests) {
    FrontendFixture f;
    Peer client = f.connect();
    for (std::size_t cut = 0; cut <= request.size(); ++cut) {
      INFO("cut at " << cut);
      REQUIRE(client.send(request.substr(0, cut)));
      settle(f.loop);
      REQUIRE(client.send(request.substr(cut)));
      REQUIRE(f.until([&] { return answers(client.in()).size() == 1; }));
      CHECK(answers(client.take())[0].body == "re:body");
    }
    CHECK(f.handler.bodies.size() == request.size() + 1);
    CHECK_FALSE(client.ended());
  }
}

TEST_CASE("what is asked beside POST") {
  struct Row {
    const char* what;
    std::string request;
    int status;
    std::string in_head;
    bool kept;
  };
  const std::vector<Row> rows = {
      {"GET /", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "text/plain", true},
      {"GET elsewhere", "GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "", true},
      {"OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n", 204, "Allow: POST", true},
      {"DELETE", "DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow: ", false},
      {"a strange Host", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "", false},
      {"no HTTP", "hello\r\n\r\n", 400, "Connection: close", false},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200, "Connection: close", false},
      {"HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "keep-alive",
       true},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    FrontendFixture f;
    Peer client = f.connect();
    REQUIRE(client.send(row.request));
    REQUIRE(f.until([&] { return answers(client.in()).size() == 1; }));
    const Answer answer = answers(client.in())[0];
    CHECK(answer.status == row.status);
    CHECK(answer.head.find(row.in_head) != std::string::npos);
    settle(f.loop);
    CHECK(client.ended() == !row.kept);
    CHECK(f.handler.bodies.empty());
    CHECK(f.handler.statuses == std::vector<int>{row.status});
  }
}

TEST_CASE("HEAD gets the head of GET and no body") {
  FrontendFixture f;
  Peer client = f.connect();
  REQUIRE(client.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  REQUIRE(f.got(client, "\r\n\r\n"));
  settle(f.loop);
  const std::string got = client.in();
  CHECK(got.find("Content-Length: ") != std::string::npos);
  CHECK(got.ends_with("\r\n\r\n"));
}

TEST_CASE("a client that waits for 100 Continue is told to go on, or why not") {
  FrontendFixture f;
  Peer client = f.connect();
  const std::string request = post("12345678", "Expect: 100-continue\r\n");
  const std::string head = request.substr(0, request.size() - 8);
  SECTION("go on") {
    REQUIRE(client.send(head));
    REQUIRE(f.got(client, "100 Continue\r\n\r\n"));
    CHECK(f.handler.checks == 1);
    client.take();
    REQUIRE(client.send("12345678"));
    REQUIRE(f.got(client, "re:12345678"));
  }
  SECTION("the body is here already") {
    REQUIRE(client.send(request));
    REQUIRE(f.got(client, "re:12345678"));
    CHECK(client.in().find("100 Continue") == std::string::npos);
  }
  SECTION("refused unseen") {
    f.handler.check_refusal = frontend::Refusal{401, -32000, "no", "unauthorized", {}};
    REQUIRE(client.send(head));
    REQUIRE(f.got(client, "HTTP/1.1 401"));
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(f.handler.bodies.empty());
  }
}

TEST_CASE("100 Continue behind replies that the client has not read yet") {
  FrontendFixture f;
  Peer client = f.connect();
  f.handler.hold = true;
  // Fill the connection so that not a byte more fits.
  REQUIRE(client.send(post("fill")));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  const std::string large(8'000'000, 'x');
  f.handler.answer_next(large);
  settle(f.loop);
  const std::string request = post("12345678", "Expect: 100-continue\r\n");
  REQUIRE(client.send(request.substr(0, request.size() - 8)));
  std::string all;
  REQUIRE(f.until([&] {
    all += client.take();
    return all.find("100 Continue\r\n\r\n") != std::string::npos;
  }));
  REQUIRE(client.send("12345678"));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  f.handler.answer_next("fine");
  REQUIRE(f.until([&] {
    all += client.take();
    return all.ends_with("fine");
  }));
}

TEST_CASE("100 Continue and the reply share a connection over TLS, where every write takes time") {
  FrontendFixture f;
  const TlsMaterial material("localhost");
  f.listener->tls = *net::ServerTls::make(material.certificate(), material.key());
  TlsPeer client(f.connect());
  REQUIRE(f.until([&] { return client.handshake(); }));
  for (int i = 0; i < 20; ++i) {
    const std::string request = post("12345678", "Expect: 100-continue\r\n");
    REQUIRE(client.send(request.substr(0, request.size() - 8)));
    // The body does not wait for the word.
    REQUIRE(client.send("12345678"));
    std::string all;
    REQUIRE(f.until([&] {
      all += client.take();
      return all.find("re:12345678") != std::string::npos;
    }));
    const bool in_order = all.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200") ||
                          all.starts_with("HTTP/1.1 200");
    CHECK(in_order);
  }
  CHECK_FALSE(client.ended());
}

TEST_CASE("time limits: each has its answer and its reason") {
  frontend::Options options;
  options.header_timeout = 30ms;
  options.body_timeout = 30ms;
  options.idle_timeout = 30ms;
  FrontendFixture f(options);
  Peer client = f.connect();
  SECTION("nothing at all") {
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(client.in().empty());
    CHECK(f.handler.rejections == std::vector<std::string>{"header_timeout"});
  }
  SECTION("half a head") {
    REQUIRE(client.send("POST / HTTP/1.1\r\nHo"));
    REQUIRE(f.got(client, "HTTP/1.1 408"));
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(f.handler.rejections == std::vector<std::string>{"header_timeout"});
  }
  SECTION("half a body") {
    const std::string request = post("12345678");
    REQUIRE(client.send(request.substr(0, request.size() - 3)));
    REQUIRE(f.got(client, "HTTP/1.1 408"));
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(f.handler.rejections == std::vector<std::string>{"body_timeout"});
  }
  SECTION("idle") {
    REQUIRE(client.send(post("x")));
    REQUIRE(f.got(client, "re:x"));
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(f.handler.rejections.empty());
  }
  SECTION("a call may take longer than all of them") {
    f.handler.hold = true;
    REQUIRE(client.send(post("x")));
    REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
    const TimePoint later = now() + 100ms;
    REQUIRE(f.until([&] { return now() > later; }));
    CHECK_FALSE(client.ended());
    f.handler.answer_next("late");
    CHECK(f.got(client, "late"));
  }
  SECTION("a client that does not read") {
    client.receive_buffer(1024);
    f.handler.hold = true;
    REQUIRE(client.send(post("x")));
    REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
    f.handler.answer_next(std::string(8'000'000, 'x'));
    REQUIRE(f.until([&] { return !f.handler.rejections.empty(); }));
    CHECK(f.handler.rejections == std::vector<std::string>{"slow_reader"});
    CHECK(f.handler.connections[0] == 0);
  }
  client.close();
  CHECK(f.until([&] { return f.handler.connections[0] == 0; }));
}

TEST_CASE("an idle connection gives its buffers back and still hears the next request") {
  FrontendFixture f;
  const TlsMaterial material("localhost");
  SECTION("plain") {
    Peer client = f.connect();
    for (int round = 0; round < 2; ++round) {
      REQUIRE(client.send(post("x")));
      REQUIRE(f.got(client, "re:x"));
      client.take();
      const TimePoint later = now() + 1050ms;
      REQUIRE(f.until([&] { return now() > later; }));
      CHECK_FALSE(client.ended());
    }
  }
  SECTION("TLS") {
    f.listener->tls = *net::ServerTls::make(material.certificate(), material.key());
    TlsPeer client(f.connect());
    REQUIRE(f.until([&] { return client.handshake(); }));
    for (int round = 0; round < 2; ++round) {
      REQUIRE(client.send(post("x")));
      REQUIRE(f.until([&] { return client.in().find("re:x") != std::string::npos; }));
      client.take();
      const TimePoint later = now() + 1050ms;
      REQUIRE(f.until([&] { return now() > later; }));
      CHECK_FALSE(client.ended());
    }
  }
}

TEST_CASE("draining: idle connections close, busy ones after their reply") {
  FrontendFixture f;
  f.handler.hold = true;
  Peer fresh = f.connect();
  Peer idle = f.connect();
  Peer busy = f.connect();
  Peer begun = f.connect();
  REQUIRE(idle.send(post("x")));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  f.handler.answer_next("done");
  REQUIRE(f.got(idle, "done"));
  REQUIRE(busy.send(post("x")));
  REQUIRE(begun.send("POST / HTTP/1.1\r\n"));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  settle(f.loop);
  f.front->drain();
  CHECK(f.until([&] { return fresh.ended() && idle.ended(); }));
  CHECK_FALSE(busy.ended());
  f.handler.answer_next("late");
  REQUIRE(f.got(busy, "late"));
  CHECK(busy.in().find("Connection: close") != std::string::npos);
  CHECK(f.until([&] { return busy.ended(); }));

  REQUIRE(begun.send(
      "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\ny"));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  f.handler.answer_next("last");
  CHECK(f.got(begun, "last"));
  busy.close();
  begun.close();
  CHECK(f.until([&] { return f.front->sessions() == 0; }));
}

TEST_CASE("cutting counts the calls that were under way, and their late answers go nowhere") {
  FrontendFixture f;
  f.handler.hold = true;
  Peer idle = f.connect();
  Peer busy = f.connect();
  REQUIRE(busy.send(post("x")));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  CHECK(f.front->cut() == 1);
  CHECK(f.front->sessions() == 0);
  f.handler.answer_next("nobody hears it");
  CHECK(f.until([&] { return busy.ended() && idle.ended(); }));
  CHECK(busy.in().empty());
  CHECK(f.handler.connections[0] == 0);
}

TEST_CASE("a reply with Connection: close reaches a client that is still sending") {
  FrontendFixture f;
  Peer client = f.connect();
  std::string request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  request += "Content-Length: 99999999\r\n\r\n";
  REQUIRE(client.send(request));
  REQUIRE(client.send(std::string(200'000, 'x')));
  REQUIRE(f.got(client, "HTTP/1.1 413"));
  CHECK(f.until([&] { return client.ended(); }));
  CHECK_FALSE(client.was_reset());
}

TEST_CASE("new limits hold for the next request of a connection that goes on") {
  FrontendFixture f;
  Peer client = f.connect();
  REQUIRE(client.send(post("x")));
  REQUIRE(f.got(client, "re:x"));
  client.take();
  frontend::Options tight;
  tight.http.head_bytes_max = 256;
  f.configure(tight);
  const std::string padded = post("x", "X-Padding: " + std::string(300, 'p') + "\r\n");
  // One more request under the old limits may have its parser already.
  REQUIRE(client.send(post("y")));
  REQUIRE(f.got(client, "re:y"));
  client.take();
  REQUIRE(client.send(padded));
  CHECK(f.got(client, "HTTP/1.1 431"));
  Peer other = f.connect();
  REQUIRE(other.send(padded));
  CHECK(f.got(other, "HTTP/1.1 431"));
}

TEST_CASE("the client's address is its own for each request of a balancer's connection") {
  FrontendFixture f;
  f.trusted->v4.push_back(net::asio::ip::make_network_v4("127.0.0.0/8"));
  Peer client = f.connect();
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"},
      {"X-Forwarded-For: 203.0.113.8\r\n", "203.0.113.8"},
      {"", "127.0.0.1"},
      {"X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"}};
  for (const auto& [fields, address] : rows) {
    REQUIRE(client.send(post("x", fields)));
    REQUIRE(f.got(client, "re:x"));
    client.take();
    CHECK(f.handler.peers.back() == address);
  }
}
