// SPDX-License-Identifier: Apache-2.0
// One connection to a node over its life: kept, idle, timed out, abandoned, at its end.
#include "unit/upstream/node_fixture.hpp"
#include "upstream/connection.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;
using upstream::CloseReason;
using Kind = upstream::Failure::Kind;

TEST_CASE("a kept connection that dies before a byte of the reply is stale, any other is not") {
  for (const bool answered_before : {false, true}) {
    for (const bool byte_of_reply : {false, true}) {
      INFO("answered before: " << answered_before << ", a byte of the reply: " << byte_of_reply);
      NodeFixture f;
      FakeSink first;
      FakeSink sink;
      f.start(first);
      Peer node = f.accept();
      f.request(node);
      if (answered_before) {
        REQUIRE(node.send(sized("x")));
        REQUIRE(f.until([&] { return first.replies == 1; }));
        f.start(sink);
        f.request(node);
      }
      FakeSink& last = answered_before ? sink : first;
      if (byte_of_reply) REQUIRE(node.send("H"));
      settle(f.loop);
      node.reset();
      REQUIRE(f.until([&] { return last.failures == 1; }));
      CHECK(last.failure.maybe_sent);
      CHECK(last.failure.stale == (answered_before && !byte_of_reply));
    }
  }
}

TEST_CASE("a kept connection whose end has come already: the call has surely not been sent") {
  NodeFixture f;
  FakeSink first;
  f.start(first);
  Peer node = f.accept();
  f.request(node);
  REQUIRE(node.send(sized("x")));
  REQUIRE(f.until([&] { return first.replies == 1; }));
  // Not turned between the reset and the next call, so that nobody has noticed yet.
  node.reset();
  FakeSink sink;
  f.start(sink);
  REQUIRE(f.until([&] { return sink.failures == 1; }));
  CHECK(sink.failure.stale);
  CHECK_FALSE(sink.failure.maybe_sent);
}

TEST_CASE("a connection that ends while idle is let go at once") {
  NodeFixture f;
  FakeSink sink;
  f.start(sink);
  Peer node = f.accept();
  f.request(node);
  REQUIRE(node.send(sized("x")));
  REQUIRE(f.until([&] { return sink.replies == 1; }));
  SECTION("in order") {
    settle(f.loop);
    node.close();
    REQUIRE(f.until([&] { return f.listener->closed.size() == 1; }));
    CHECK(f.listener->closed[0] == CloseReason::kPeerClosed);
  }
  SECTION("by a reset") {
    settle(f.loop);
    node.reset();
    REQUIRE(f.until([&] { return f.listener->closed.size() == 1; }));
    CHECK(f.listener->closed[0] == CloseReason::kPeerClosed);
  }
  SECTION("with words nobody asked for") {
    settle(f.loop);
    REQUIRE(node.send("HTTP/1.1 408 Request Timeout\r\n\r\n"));
    REQUIRE(f.until([&] { return f.listener->closed.size() == 1; }));
    CHECK(f.listener->closed[0] == CloseReason::kExtraBytes);
  }
  CHECK(f.shared->connections == 0);
}

TEST_CASE("time limits: connecting, waiting, and idling") {
  upstream::Options options;
  options.connect_timeout = 40ms;
  options.idle_timeout = 40ms;
  SECTION("no answer") {
    NodeFixture f(options);
    FakeSink sink;
    f.start(sink, "[]", 40ms);
    Peer node = f.accept();
    f.request(node);
    REQUIRE(f.until([&] { return sink.failures == 1; }));
    CHECK(sink.failure.kind == Kind::kTimeout);
    CHECK(sink.failure.maybe_sent);
    CHECK(f.until([&] { return node.ended(); }));
  }
  SECTION("half an answer") {
    NodeFixture f(options);
    FakeSink sink;
    f.start(sink, "[]", 40ms);
    Peer node = f.accept();
    f.request(node);
    REQUIRE(node.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo"));
    REQUIRE(f.until([&] { return sink.failures == 1; }));
    CHECK(sink.failure.kind == Kind::kTimeout);
  }
  SECTION("nobody there") {
    NodeFixture f(options);
    f.node.stop();
    FakeSink sink;
    f.start(sink);
    REQUIRE(f.until([&] { return sink.failures == 1; }));
    CHECK(sink.failure.kind == Kind::kConnect);
    CHECK_FALSE(sink.failure.maybe_sent);
  }
  SECTION("no address known") {
    NodeFixture f(options);
    f.shared->set_endpoints({});
    FakeSink sink;
    f.start(sink);
    REQUIRE(f.until([&] { return sink.failures == 1; }));
    CHECK(sink.failure.kind == Kind::kConnect);
  }
  SECTION("idle") {
    NodeFixture f(options);
    FakeSink sink;
    f.start(sink);
    Peer node = f.accept();
    f.request(node);
    REQUIRE(node.send(sized("x")));
    REQUIRE(f.until([&] { return sink.replies == 1; }));
    REQUIRE(f.until([&] { return f.listener->closed.size() == 1; }));
    CHECK(f.listener->closed[0] == CloseReason::kIdleTimeout);
  }
}

TEST_CASE("an idle connection goes before the node lets go of it, as the node announced") {
  NodeFixture f;
  FakeSink sink;
  f.start(sink);
  Peer node = f.accept();
  f.request(node);
  REQUIRE(
      node.send("HTTP/1.1 200 OK\r\nKeep-Alive: max=100, timeout=1\r\n"
                "Content-Length: 2\r\n\r\nok"));
  REQUIRE(f.until([&] { return sink.replies == 1; }));
  REQUIRE(f.until([&] { return !f.listener->closed.empty(); }));
  CHECK(f.listener->closed.front() == CloseReason::kIdleTimeout);
}

TEST_CASE("an address where nobody answers leaves time for the next, which then comes first") {
  // A listener whose queue is full swallows what comes, like a wall that drops packets.
  const ListeningPeer wall(0);
  std::vector<Peer> waiting;
  for (int i = 0; i < 3; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(wall.endpoint().port());
    ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    waiting.emplace_back(fd);
  }
  upstream::Options options;
  options.connect_timeout = 400ms;
  NodeFixture f(options);
  f.shared->set_endpoints({wall.endpoint(), f.node.endpoint()});
  for (int round = 0; round < 2; ++round) {
    FakeSink sink;
    const TimePoint begun = now();
    f.start(sink);
    Peer node = f.accept();
    f.request(node);
    REQUIRE(node.send(sized("x", "Connection: close\r\n")));
    REQUIRE(f.until([&] { return sink.ends() == 1; }));
    CHECK(sink.replies == 1);
    if (round == 1) CHECK(now() - begun < 150ms);
  }
  CHECK(f.shared->first_endpoint() == 1);
}

TEST_CASE("an attempt that is abandoned tells nobody, and the connection is not used again") {
  NodeFixture f;
  FakeSink sink;
  upstream::Connection* connection = f.start(sink);
  SECTION("while connecting: the connection serves another") {
    connection->abandon();
    REQUIRE(f.until([&] { return f.pool->has_idle(); }));
    Peer node = f.accept();
    settle(f.loop);
    CHECK(node.in().empty());
  }
  SECTION("while waiting") {
    Peer node = f.accept();
    f.request(node);
    connection->abandon();
    CHECK(f.listener->closed == std::vector<CloseReason>{CloseReason::kAbandoned});
    CHECK(f.until([&] { return node.ended(); }));
  }
  CHECK(f.shared->in_flight == 0);
  CHECK(sink.ends() == 0);
}

TEST_CASE("a node that answers and closes before it has read all is heard") {
  NodeFixture f;
  FakeSink sink;
  const std::string params = "[\"" + std::string(20'000'000, 'f') + "\"]";
  f.start(sink, params);
  Peer node = f.accept();
  REQUIRE(f.until([&] { return !node.in().empty(); }));
  node.take();
  REQUIRE(
      node.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nmuch"));
  REQUIRE(f.until([&] { return sink.ends() == 1; }));
  CHECK(sink.replies == 1);
  CHECK(sink.status == 413);
  // It has not left whole, so nothing can follow it.
  CHECK(f.shared->connections == 0);
}

TEST_CASE("a verdict of unsound closes the connection") {
  NodeFixture f;
  FakeSink sink;
  sink.sound = false;
  f.start(sink);
  Peer node = f.accept();
  f.request(node);
  REQUIRE(node.send(sized("x")));
  REQUIRE(f.until([&] { return sink.replies == 1; }));
  CHECK(f.listener->closed == std::vector<CloseReason>{CloseReason::kNotReusable});
}

TEST_CASE("a call that starts on the connection while its last reply is still being used") {
  NodeFixture f;
  FakeSink first;
  FakeSink second;
  f.start(first);
  Peer node = f.accept();
  f.request(node);
  std::string seen;
  // As a waiter does: it gets the connection before the first call has used its reply.
  f.listener->on_freed = [&](upstream::Pool&) {
    if (f.id == 1) f.start(second);
  };
  first.then = [&] { seen = first.text; };
  REQUIRE(node.send(sized("first")));
  f.request(node);
  CHECK(seen == "first");
  REQUIRE(node.send(sized("second")));
  REQUIRE(f.until([&] { return second.replies == 1; }));
  CHECK(second.text == "second");
  CHECK(f.listener->created == 1);
}

TEST_CASE("an attempt is told when its bytes leave, if it waited for its connection") {
  const TlsMaterial material("127.0.0.1");
  auto tls = *net::ClientTls::make("127.0.0.1", material.certificate());
  upstream::Options options;
  options.tls = true;
  NodeFixture f(options, tls);
  FakeSink waits;
  f.start(waits);
  TlsPeer node(f.accept(), &material);
  settle(f.loop);
  CHECK(waits.sent == 0);
  const TimePoint before = now();
  REQUIRE(f.until([&] { return node.handshake(); }));
  REQUIRE(f.until([&] { return node.in().ends_with("}"); }));
  CHECK(waits.sent == 1);
  CHECK(waits.sent_at >= before);
  REQUIRE(node.send(sized("x")));
  REQUIRE(f.until([&] { return waits.replies == 1; }));
  FakeSink at_once;
  f.start(at_once);
  REQUIRE(f.until([&] { return node.in().ends_with("}"); }));
  REQUIRE(node.send(sized("x")));
  REQUIRE(f.until([&] { return at_once.replies == 1; }));
  CHECK(at_once.sent == 0);
}

TEST_CASE("over TLS") {
  const TlsMaterial material("127.0.0.1");
  auto tls = *net::ClientTls::make("127.0.0.1", material.certificate());
  upstream::Options options;
  options.tls = true;
  SECTION("a sound one, and its session resumed") {
    NodeFixture f(options, tls);
    std::optional<TlsPeer> earlier;
    for (int round = 0; round < 2; ++round) {
      FakeSink sink;
      f.start(sink);
      std::optional<TlsPeer> node;
      if (round == 0) {
        node.emplace(f.accept(), &material);
      } else {
        node.emplace(f.accept(), *earlier);
      }
      REQUIRE(f.until([&] { return node->handshake(); }));
      REQUIRE(f.until([&] { return node->in().ends_with("}"); }));
      REQUIRE(node->send(sized("x", "Connection: close\r\n")));
      REQUIRE(f.until([&] { return sink.replies == 1; }));
      CHECK(node->resumed() == (round == 1));
      if (round == 0) earlier.emplace(Peer(), *node);
    }
  }
  SECTION("somebody else") {
    const TlsMaterial other("127.0.0.1");
    NodeFixture f(options, tls);
    FakeSink sink;
    f.start(sink);
    TlsPeer node(f.accept(), &other);
    REQUIRE(f.until([&] {
      node.handshake();
      return sink.failures == 1;
    }));
    CHECK(sink.failure.kind == Kind::kTls);
    CHECK_FALSE(sink.failure.maybe_sent);
  }
  SECTION("nobody who speaks TLS") {
    options.connect_timeout = 40ms;
    NodeFixture f(options, tls);
    FakeSink sink;
    f.start(sink);
    Peer node = f.accept();
    REQUIRE(f.until([&] { return sink.failures == 1; }));
    CHECK(sink.failure.kind == Kind::kConnectTimeout);
    CHECK_FALSE(sink.failure.maybe_sent);
  }
  SECTION("a reply that ends with the connection must end in order") {
    NodeFixture f(options, tls);
    FakeSink sink;
    f.start(sink);
    TlsPeer node(f.accept(), &material);
    REQUIRE(f.until([&] { return node.handshake(); }));
    REQUIRE(f.until([&] { return node.in().ends_with("}"); }));
    REQUIRE(node.send("HTTP/1.1 200 OK\r\n\r\nhalf"));
    settle(f.loop);
    node.peer().finish();
    REQUIRE(f.until([&] { return sink.ends() == 1; }));
    CHECK(sink.failures == 1);
  }
}
