// SPDX-License-Identifier: Apache-2.0
// One connection to a node: what is sent, every way in which a reply may be framed, end or be cut.
#include "upstream/connection.hpp"

#include "unit/upstream/node_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;
using upstream::CloseReason;
using Kind = upstream::Failure::Kind;

TEST_CASE("what a node is sent") {
  upstream::Options options;
  options.host = "node.example";
  options.port = 8545;
  options.target = "/v2/key?x=1";
  options.authorization = "Basic dTpw";
  options.headers = {{"x-team", "desk-7"}};
  NodeFixture f(options);
  FakeSink sink;
  f.id = 41;
  const std::string large = "[\"" + std::string(100'000, 'f') + "\"]";
  SECTION("small params") {
    f.start(sink, R"([{"to":"0x1"},"latest"])");
  }
  SECTION("large params") {
    f.start(sink, large);
  }
  SECTION("no params") {
    f.start(sink, "");
  }
  Peer node = f.accept();
  const std::string request = f.request(node);
  const std::string head = request.substr(0, request.find("\r\n\r\n"));
  const std::string body = request.substr(head.size() + 4);
  CHECK(head.starts_with("POST /v2/key?x=1 HTTP/1.1\r\nHost: node.example:8545\r\n"));
  CHECK(head.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
  CHECK(head.find("\r\nAuthorization: Basic dTpw\r\n") != std::string::npos);
  CHECK(head.find("\r\nx-team: desk-7\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\nContent-Length: " + std::to_string(body.size())));
  CHECK(body.starts_with(R"({"jsonrpc":"2.0","id":42,"method":"eth_call","params":[)"));
  CHECK(body.ends_with("]}"));
  CHECK(f.shared->in_flight == 1);
}

TEST_CASE("the head of a request names the host as it must") {
  upstream::Options options;
  options.host = "::1";
  options.port = 80;
  CHECK(options.request_prefix().find("Host: [::1]\r\n") != std::string::npos);
  options.tls = true;
  CHECK(options.request_prefix().find("Host: [::1]:80\r\n") != std::string::npos);
  options.port = 443;
  CHECK(options.request_prefix().find("Host: [::1]\r\n") != std::string::npos);
}

namespace {

struct Framing {
  const char* what;
  std::string reply;
  std::string body;
  int status;
  /// Whether the node ends the connection behind it.
  bool ends;
  /// Whether the connection may be used again.
  bool kept;
};

std::string sized(std::string_view body, std::string_view fields = "") {
  return std::string("HTTP/1.1 200 OK\r\n")
      .append(fields)
      .append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

const std::vector<Framing>& framings() {
  static const std::vector<Framing> rows = {
      {"a length", sized("body"), "body", 200, false, true},
      {"no body", sized(""), "", 200, false, true},
      {"a length, then the end", sized("body", "Connection: close\r\n"), "body", 200, false, false},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", "body", 200, false, false},
      {"HTTP/1.0 kept",
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", "body", 200,
       false, true},
      {"until the end", "HTTP/1.1 200 OK\r\n\r\nbody", "body", 200, true, false},
      {"chunks",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n3;x=y\r\nody\r\n"
       "0\r\nTrailer: x\r\n\r\n",
       "body", 200, false, true},
      {"an interim reply first", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + sized("body"),
       "body", 200, false, true},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", "", 204, false, true},
      {"an error with a body",
       "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow", "slow",
       429, false, true},
      {"more behind it", sized("body") + "x", "body", 200, false, false},
      {"more behind chunks",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nHTTP/1.1",
       "body", 200, false, false},
  };
  return rows;
}

}  // namespace

TEST_CASE("every framing of a reply, cut at every byte") {
  for (const Framing& row : framings()) {
    INFO(row.what);
    for (std::size_t cut = 0; cut <= row.reply.size(); ++cut) {
      INFO("cut at " << cut);
      NodeFixture f;
      FakeSink sink;
      f.start(sink);
      Peer node = f.accept();
      f.request(node);
      REQUIRE(node.send(row.reply.substr(0, cut)));
      settle(f.loop);
      static_cast<void>(node.send(row.reply.substr(cut)));
      if (row.ends) node.finish();
      REQUIRE(f.until([&] { return sink.ends() == 1; }));
      CHECK(sink.failures == 0);
      CHECK(sink.judged == 1);
      CHECK(sink.status == row.status);
      CHECK(sink.text == row.body);
      CHECK(sink.retry_after == (row.status == 429 ? 7U : 0U));
      CHECK(f.shared->in_flight == 0);
      settle(f.loop);
      // What follows the reply may come with it or later; either way the connection is not kept.
      if (row.kept) {
        CHECK(f.pool->has_idle());
        FakeSink again;
        f.start(again);
        f.request(node);
        REQUIRE(node.send(sized("second")));
        REQUIRE(f.until([&] { return again.replies == 1; }));
        CHECK(again.text == "second");
        CHECK(f.listener->created == 1);
      } else {
        REQUIRE(f.until([&] { return !f.pool->has_idle(); }));
        CHECK(f.until([&] { return f.listener->closed.size() == 1; }));
        CHECK(f.shared->connections == 0);
      }
    }
  }
}

TEST_CASE("a reply that is cut off or is no reply fails, and says how") {
  struct Row {
    const char* what;
    std::string reply;
    Kind kind;
  };
  const std::vector<Row> rows = {
      {"nothing", "", Kind::kClosed},
      {"half a head", "HTTP/1.1 200 OK\r\nConte", Kind::kProtocol},
      {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo", Kind::kProtocol},
      {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo",
       Kind::kProtocol},
      {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
       Kind::kProtocol},
      {"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz", Kind::kProtocol},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
       Kind::kProtocol},
      {"no HTTP", "SSH-2.0-OpenSSH\r\n", Kind::kProtocol},
      {"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
       Kind::kProtocol},
      {"too much head", "HTTP/1.1 200 OK\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n",
       Kind::kProtocol},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    NodeFixture f;
    FakeSink sink;
    f.start(sink);
    Peer node = f.accept();
    f.request(node);
    REQUIRE(node.send(row.reply));
    node.finish();
    REQUIRE(f.until([&] { return sink.ends() == 1; }));
    REQUIRE(sink.failures == 1);
    CHECK(sink.failure.kind == row.kind);
    CHECK(sink.failure.maybe_sent);
    CHECK_FALSE(sink.failure.stale);
    CHECK(f.shared->in_flight == 0);
    CHECK(f.shared->connections == 0);
  }
}

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
