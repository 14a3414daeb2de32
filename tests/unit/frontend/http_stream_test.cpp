// SPDX-License-Identifier: Apache-2.0
// Replies that are relayed as they come: framing, back-pressure, cuts, clients that go away.
#include "frontend/http_session.hpp"
#include "http/chunk_decoder.hpp"
#include "unit/frontend/session_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;

namespace {

/// Sends `total` bytes in pieces, as far as the client keeps up.
class Source final : public frontend::StreamSource {
 public:
  Source(net::Ref<frontend::Responder> responder, std::size_t total)
      : responder_(std::move(responder)), left_(total) {}

  void begin() {
    constexpr std::string_view kPrefix = "<";
    responder_->stream_begin({.status = 200, .body = {&kPrefix, 1}}, *this);
    pump();
  }
  void pump() {
    while (left_ > 0 && !gone) {
      const std::size_t part = std::min<std::size_t>(left_, 10000);
      left_ -= part;
      ++pieces;
      if (!responder_->stream(std::string(part, 'x')) && !gone) {
        ++pauses;
        return;
      }
    }
    if (gone || left_ > 0 || hold_end) return;
    end();
  }
  void piece(std::size_t size) { static_cast<void>(responder_->stream(std::string(size, 'x'))); }
  void end() { std::exchange(responder_, nullptr)->stream_end(">"); }
  void abort() { std::exchange(responder_, nullptr)->stream_abort(); }
  void client_writable() override { pump(); }
  void client_gone() override {
    gone = true;
    // As calls do: the last reference may go right here, inside the session's own function.
    responder_ = nullptr;
  }
  int pieces = 0;
  int pauses = 0;
  bool gone = false;
  bool hold_end = false;

 private:
  net::Ref<frontend::Responder> responder_;
  std::size_t left_;
};

struct StreamFixture : FrontendFixture {
  explicit StreamFixture(const frontend::Options& with = {}) : FrontendFixture(with) {
    handler.hold = true;
  }
  ~StreamFixture() { front->cut(); }
  Source& begin(std::size_t total, bool hold_end = false) {
    REQUIRE(until([&] { return handler.held.size() == 1; }));
    sources.push_back(std::make_unique<Source>(std::move(handler.held.front()), total));
    handler.held.pop_front();
    sources.back()->hold_end = hold_end;
    sources.back()->begin();
    return *sources.back();
  }
  std::vector<std::unique_ptr<Source>> sources;
};

std::string dechunked(std::string bytes, bool& whole) {
  const auto at = bytes.find("\r\n\r\n");
  std::string body = bytes.substr(at + 4);
  http::ChunkDecoder decoder(http::ChunkLimits{.body_bytes_max = UINT64_MAX});
  const auto step = decoder.decode(body.data(), body.size(), body.data());
  whole = step.status == http::Status::kDone && step.consumed == body.size();
  return body.substr(0, step.produced);
}

std::string expected(std::size_t total) {
  return "<" + std::string(total, 'x') + ">";
}

}  // namespace

TEST_CASE("a streamed reply arrives whole, and the connection goes on") {
  StreamFixture f;
  Peer client = f.connect();
  for (const std::size_t total : std::initializer_list<std::size_t>{0, 1, 9999, 5'000'000}) {
    INFO("bytes " << total);
    REQUIRE(client.send(post("x")));
    Source& source = f.begin(total);
    REQUIRE(f.until([&] { return client.in().ends_with("0\r\n\r\n"); }));
    bool whole = false;
    CHECK(dechunked(client.take(), whole) == expected(total));
    CHECK(whole);
    CHECK_FALSE(source.gone);
  }
  CHECK_FALSE(client.ended());
}

TEST_CASE("a streamed reply over TLS, which the client takes as it can") {
  StreamFixture f;
  const TlsMaterial material("localhost");
  f.listener->tls = *net::ServerTls::make(material.certificate(), material.key());
  Peer below = f.connect();
  below.receive_buffer(65536);
  TlsPeer client(std::move(below));
  REQUIRE(f.until([&] { return client.handshake(); }));
  for (int round = 0; round < 2; ++round) {
    REQUIRE(client.send(post("x")));
    Source& source = f.begin(20'000'000);
    REQUIRE(f.until([&] { return client.in().ends_with("0\r\n\r\n"); }));
    bool whole = false;
    CHECK(dechunked(client.take(), whole) == expected(20'000'000));
    CHECK(whole);
    CHECK(source.pauses > 0);
  }
}

TEST_CASE("a slow client holds the source back, not our memory") {
  StreamFixture f;
  Peer client = f.connect();
  client.receive_buffer(65536);
  REQUIRE(client.send(post("x")));
  Source& source = f.begin(30'000'000);
  settle(f.loop);
  // What the kernel takes of 3000 pieces, and no more.
  CHECK(source.pauses == 1);
  CHECK(source.pieces < 2000);
  std::size_t got = 0;
  REQUIRE(turn_until(
      f.loop,
      [&] {
        got += client.take().size();
        return got > 30'000'000;
      },
      60s));
  CHECK(source.pauses > 1);
}

TEST_CASE("to HTTP/1.0 a stream ends where the connection ends") {
  StreamFixture f;
  Peer client = f.connect();
  REQUIRE(client.send(post("x", "Connection: keep-alive\r\n", "HTTP/1.0")));
  f.begin(100'000);
  REQUIRE(f.until([&] { return client.ended(); }));
  CHECK_FALSE(client.was_reset());
  const std::string all = client.in();
  CHECK(all.find("Transfer-Encoding") == std::string::npos);
  CHECK(all.find("Content-Length") == std::string::npos);
  CHECK(all.substr(all.find("\r\n\r\n") + 4) == expected(100'000));
}

TEST_CASE("a stream that is aborted cannot pass for a whole one") {
  StreamFixture f;
  for (const std::string_view version : {"HTTP/1.1", "HTTP/1.0"}) {
    INFO(version);
    Peer client = f.connect();
    REQUIRE(client.send(post("x", "", version)));
    Source& source = f.begin(1000, true);
    REQUIRE(f.got(client, "xxx"));
    source.abort();
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(client.was_reset());
    CHECK_FALSE(client.in().ends_with("0\r\n\r\n"));
  }
}

TEST_CASE("a client that goes away in the middle ends its source, once") {
  StreamFixture f;
  Peer client = f.connect();
  REQUIRE(client.send(post("x")));
  Source& source = f.begin(0, true);
  REQUIRE(f.until([&] {
    source.piece(1000);
    return client.in().find("xxx") != std::string::npos;
  }));
  client.reset();
  // Only writing tells.
  REQUIRE(f.until([&] {
    if (!source.gone) source.piece(1000);
    return source.gone;
  }));
  CHECK(f.front->sessions() == 0);
  CHECK(f.handler.connections[0] == 0);
}

TEST_CASE("a client that goes away while the source is held back") {
  StreamFixture f;
  Peer client = f.connect();
  client.receive_buffer(4096);
  REQUIRE(client.send(post("x")));
  Source& source = f.begin(50'000'000);
  settle(f.loop);
  REQUIRE(source.pauses == 1);
  client.reset();
  REQUIRE(f.until([&] { return source.gone; }));
  CHECK(f.front->sessions() == 0);
}

TEST_CASE("a slow reader of a stream is cut in the end") {
  frontend::Options options;
  options.idle_timeout = 50ms;
  StreamFixture f(options);
  Peer client = f.connect();
  client.receive_buffer(4096);
  REQUIRE(client.send(post("x")));
  Source& source = f.begin(50'000'000);
  REQUIRE(f.until([&] { return source.gone; }));
  CHECK(f.handler.rejections == std::vector<std::string>{"slow_reader"});
}

TEST_CASE("a stream for a session that has been cut tells its source at once") {
  StreamFixture f;
  Peer client = f.connect();
  REQUIRE(client.send(post("x")));
  REQUIRE(f.until([&] { return f.handler.held.size() == 1; }));
  CHECK(f.front->cut() == 1);
  Source source(std::move(f.handler.held.front()), 100);
  f.handler.held.pop_front();
  source.begin();
  CHECK(source.gone);
}
