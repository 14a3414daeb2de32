// SPDX-License-Identifier: Apache-2.0
// Replies too large to be held: relayed as they come, or held up to the larger bound.
#include "unit/upstream/node_fixture.hpp"
#include "upstream/connection.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;
using Kind = upstream::Failure::Kind;

namespace {

constexpr std::size_t kLarge = 300'000;

upstream::Options small_bounds() {
  upstream::Options options;
  options.held_reply_max = 1000;
  options.response_max = 1'000'000;
  return options;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

enum class How : std::uint8_t { kLength, kChunks, kEnd };

std::string framed(How how, const std::string& body) {
  switch (how) {
    case How::kLength:
      return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
             body;
    case How::kChunks: {
      std::string out = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      for (std::size_t at = 0; at < body.size(); at += 7000) {
        const std::string part = body.substr(at, 7000);
        std::array<char, 16> size{};
        std::snprintf(size.data(), size.size(), "%zx\r\n", part.size());
        out.append(size.data()).append(part).append("\r\n");
      }
      return out + "0\r\n\r\n";
    }
    case How::kEnd:
      return "HTTP/1.1 200 OK\r\n\r\n" + body;
  }
  return {};
}

/// Sends all of it, as the socket takes it.
void deliver(NodeFixture& f, Peer& node, std::string_view bytes,
             const std::function<bool()>& done) {
  REQUIRE(f.until([&] {
    bytes.remove_prefix(node.send_some(bytes));
    return bytes.empty() || done();
  }));
}

}  // namespace

TEST_CASE("a large reply streams, whatever its framing") {
  for (const How how : {How::kLength, How::kChunks, How::kEnd}) {
    INFO("framing " << static_cast<int>(how));
    NodeFixture f(small_bounds());
    FakeSink sink;
    f.start(sink);
    Peer node = f.accept();
    f.request(node);
    const std::string body = pattern(kLarge);
    CHECK(f.shared->streaming == 0);
    sink.on_data = [&] {
      CHECK(f.shared->streaming == 1);
      return true;
    };
    deliver(f, node, framed(how, body), [] { return false; });
    if (how == How::kEnd) node.finish();
    REQUIRE(f.until([&] { return sink.ends() == 1; }));
    CHECK(f.shared->streaming == 0);
    CHECK(sink.ended == 1);
    CHECK(sink.begun == 1);
    CHECK(sink.judged == 0);
    CHECK(sink.streamed == body);
    CHECK(f.pool->has_idle() == (how != How::kEnd));
    CHECK(f.shared->in_flight == 0);
  }
}

TEST_CASE("a large reply that may not stream is held, and one beyond the bound is not") {
  for (const How how : {How::kLength, How::kChunks, How::kEnd}) {
    for (const std::size_t size : {kLarge, std::size_t{2'000'000}}) {
      INFO("framing " << static_cast<int>(how) << ", " << size << " bytes");
      NodeFixture f(small_bounds());
      FakeSink sink;
      sink.streams = false;
      f.start(sink);
      Peer node = f.accept();
      f.request(node);
      const std::string body = pattern(size);
      deliver(f, node, framed(how, body), [&] { return sink.ends() == 1; });
      if (how == How::kEnd) node.finish();
      REQUIRE(f.until([&] { return sink.ends() == 1; }));
      CHECK(sink.begun == 1);
      if (size == kLarge) {
        CHECK(sink.replies == 1);
        CHECK(sink.text == body);
      } else {
        REQUIRE(sink.failures == 1);
        CHECK(sink.failure.kind == Kind::kTooLarge);
        CHECK(f.shared->connections == 0);
      }
    }
  }
}

TEST_CASE("a reader that pauses holds the node back, not our memory") {
  NodeFixture f(small_bounds());
  FakeSink sink;
  upstream::Connection* connection = f.start(sink);
  Peer node = f.accept();
  f.request(node);
  int pieces = 0;
  sink.on_data = [&] {
    ++pieces;
    connection->pause();
    return true;
  };
  const std::string reply = framed(How::kLength, pattern(30'000'000));
  std::string_view left = reply;
  left.remove_prefix(node.send_some(left));
  REQUIRE(f.until([&] { return pieces == 1; }));
  settle(f.loop);
  left.remove_prefix(node.send_some(left));
  settle(f.loop);
  CHECK(pieces == 1);
  CHECK(left.size() > 1'000'000);
  REQUIRE(turn_until(
      f.loop,
      [&] {
        connection->resume();
        left.remove_prefix(node.send_some(left));
        return sink.ended == 1;
      },
      60s));
  CHECK(sink.streamed.size() == 30'000'000);
}

TEST_CASE("a stream that is cut fails, and one that is not wanted is closed") {
  NodeFixture f(small_bounds());
  FakeSink sink;
  f.start(sink);
  Peer node = f.accept();
  f.request(node);
  const std::string reply = framed(How::kLength, pattern(kLarge));
  SECTION("cut") {
    REQUIRE(node.send(std::string_view(reply).substr(0, 50'000)));
    REQUIRE(f.until([&] { return !sink.streamed.empty(); }));
    node.finish();
    REQUIRE(f.until([&] { return sink.failures == 1; }));
    CHECK(sink.failure.kind == Kind::kProtocol);
  }
  SECTION("more than announced") {
    deliver(f, node, reply + "x", [] { return false; });
    REQUIRE(f.until([&] { return sink.ended == 1; }));
    CHECK(f.until([&] { return f.shared->connections == 0; }));
  }
  SECTION("not wanted") {
    sink.on_data = [] { return false; };
    REQUIRE(node.send(std::string_view(reply).substr(0, 50'000)));
    REQUIRE(f.until([&] { return f.shared->connections == 0; }));
    CHECK(sink.ends() == 0);
  }
  SECTION("abandoned from within") {
    upstream::Connection* connection = nullptr;
    FakeSink other;
    connection = f.start(other);
    Peer second = f.accept();
    f.request(second);
    other.on_data = [&] {
      connection->abandon();
      return true;
    };
    REQUIRE(second.send(std::string_view(reply).substr(0, 50'000)));
    REQUIRE(f.until([&] { return f.shared->connections == 1; }));
    CHECK(other.ends() == 0);
  }
  CHECK(f.shared->in_flight <= 1);
}
