// SPDX-License-Identifier: Apache-2.0
// One connection to a node: what is sent, every way in which a reply may be framed or be cut.
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
