// SPDX-License-Identifier: Apache-2.0
// Plain and TLS streams, held to the same contract over real sockets.
#include "net/stream.hpp"

#include <numeric>

#include "base/random.hpp"
#include "net/tls.hpp"
#include "support/loopback.hpp"
#include "support/tls_material.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

/// An owner as sessions are: every pending operation keeps it.
class Owner final : public net::RefCounted {
 public:
  explicit Owner(int* alive) : alive_(alive) { ++*alive_; }
  ~Owner() override { --*alive_; }

  void on_read(net::ErrorCode error, std::size_t bytes) {
    ++reads;
    read_error = error;
    in.append(buffer.data(), bytes);
    if (const auto look = std::exchange(then, std::nullopt)) read(*look);
  }
  void on_written(net::ErrorCode error, std::size_t) {
    ++writes;
    write_error = error;
  }
  void on_readable(net::ErrorCode error, std::size_t) {
    ++readable;
    read_error = error;
  }
  void on_handshake(net::ErrorCode error, std::size_t) {
    shaken = true;
    handshake_error = error;
  }
  void read(net::Stream::Look look = net::Stream::Look::kFirst) {
    stream->read(buffer, net::handler<&Owner::on_read>(*this), look);
  }
  net::Stream::Written write(std::string_view bytes) {
    const net::asio::const_buffer one(bytes.data(), bytes.size());
    return stream->write({&one, 1}, net::handler<&Owner::on_written>(*this));
  }

  std::unique_ptr<net::Stream> stream;
  std::array<char, 4096> buffer{};
  std::string in;
  int reads = 0;
  int writes = 0;
  int readable = 0;
  bool shaken = false;
  /// Set: read on from within the next completion.
  std::optional<net::Stream::Look> then;
  net::ErrorCode read_error;
  net::ErrorCode write_error;
  net::ErrorCode handshake_error;

 private:
  int* alive_;
};

struct PlainFixture {
  PlainFixture() {
    Pair pair = connected_pair(loop);
    peer = std::move(pair.theirs);
    owner->stream = net::make_plain_stream(std::move(pair.ours));
  }
  int alive = 0;
  net::Loop loop;
  Peer peer;
  net::Ref<Owner> owner{new Owner(&alive)};
};

struct TlsFixture {
  TlsFixture() {
    Pair pair = connected_pair(loop);
    peer.emplace(std::move(pair.theirs));
    auto context = net::ServerTls::make(material.certificate(), material.key());
    REQUIRE(context);
    auto stream = net::make_tls_stream(std::move(pair.ours), *context);
    stream->handshake(net::handler<&Owner::on_handshake>(*owner));
    owner->stream = std::move(stream);
    REQUIRE(turn_until(loop, [&] { return peer->handshake() && owner->shaken; }));
    REQUIRE_FALSE(owner->handshake_error);
  }
  int alive = 0;
  net::Loop loop;
  TlsMaterial material{"localhost"};
  std::optional<TlsPeer> peer;
  net::Ref<Owner> owner{new Owner(&alive)};
};

std::string noise(std::size_t size) {
  Random random(7);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

template <class F, class P>
void echo_of_everything(F& f, P& peer) {
  const std::string bytes = noise(3'000'000);
  auto written = f.owner->write(bytes);
  if (written == net::Stream::Written::kPending) {
    REQUIRE(turn_until(f.loop, [&] {
      peer.fetch();
      return f.owner->writes == 1;
    }));
    CHECK_FALSE(f.owner->write_error);
  }
  REQUIRE(turn_until(f.loop, [&] { return peer.in().size() == bytes.size(); }));
  CHECK(peer.in() == bytes);

  f.owner->read();
  CHECK(f.owner->reads == 0);
  REQUIRE(peer.send("back"));
  REQUIRE(turn_until(f.loop, [&] { return f.owner->reads == 1; }));
  CHECK(f.owner->in == "back");
}

template <class F, class P>
void cancelled_read_loses_nothing(F& f, P& peer) {
  f.owner->read();
  settle(f.loop);
  f.owner->stream->cancel_read();
  REQUIRE(turn_until(f.loop, [&] { return f.owner->reads == 1; }));
  CHECK(f.owner->read_error == net::asio::error::operation_aborted);
  f.owner->stream->wait_readable(net::handler<&Owner::on_readable>(*f.owner));
  settle(f.loop);
  CHECK(f.owner->readable == 0);
  REQUIRE(peer.send("after the nap"));
  REQUIRE(turn_until(f.loop, [&] { return f.owner->readable == 1; }));
  f.owner->read();
  REQUIRE(turn_until(f.loop, [&] { return f.owner->reads == 2; }));
  CHECK(f.owner->in == "after the nap");
}

template <class F>
void operations_keep_their_owner(F& f) {
  f.owner->read();
  net::Stream& stream = *f.owner->stream;
  f.owner.reset();
  settle(f.loop);
  CHECK(f.alive == 1);
  stream.close();
  REQUIRE(turn_until(f.loop, [&] { return f.alive == 0; }));
}

}  // namespace

TEST_CASE("plain stream: all bytes arrive, also those that do not fit the socket") {
  PlainFixture f;
  echo_of_everything(f, f.peer);
}

TEST_CASE("TLS stream: all bytes arrive, also those that do not fit the socket") {
  TlsFixture f;
  echo_of_everything(f, *f.peer);
}

TEST_CASE("plain stream: a cancelled read loses nothing") {
  PlainFixture f;
  cancelled_read_loses_nothing(f, f.peer);
}

TEST_CASE("TLS stream: a cancelled read loses nothing") {
  TlsFixture f;
  cancelled_read_loses_nothing(f, *f.peer);
}

TEST_CASE("plain stream: a read that waits sees what came before the last one had completed") {
  PlainFixture f;
  f.owner->then = net::Stream::Look::kWait;
  SECTION("the last one found its bytes at once") {
    REQUIRE(f.peer.send("one "));
    f.owner->read();
  }
  SECTION("the last one got its bytes by one event with a write") {
    f.owner->read();
    settle(f.loop);
    while (f.owner->write(noise(1'000'000)) == net::Stream::Written::kAll) {
    }
    settle(f.loop);
    f.peer.fetch();
    REQUIRE(f.peer.send("one "));
    f.loop.io.restart();
    REQUIRE(f.loop.io.poll_one() == 1);
    REQUIRE(f.owner->reads == 0);
  }
  REQUIRE(f.peer.send("two"));
  CHECK(turn_until(f.loop, [&] { return f.owner->in == "one two"; }, std::chrono::seconds(2)));
}

TEST_CASE("TLS stream: decrypted bytes that were not asked for count as readable") {
  TlsFixture f;
  REQUIRE(f.peer->send(noise(10000)));
  f.owner->read();
  REQUIRE(turn_until(f.loop, [&] { return f.owner->reads == 1; }));
  REQUIRE(f.owner->in.size() == 4096);
  f.owner->stream->wait_readable(net::handler<&Owner::on_readable>(*f.owner));
  CHECK(turn_until(f.loop, [&] { return f.owner->readable == 1; }));
}

TEST_CASE("streams: a pending operation keeps its owner, and close() ends it") {
  SECTION("plain") {
    PlainFixture f;
    operations_keep_their_owner(f);
  }
  SECTION("TLS") {
    TlsFixture f;
    operations_keep_their_owner(f);
  }
}

TEST_CASE("streams: the end of what is written is told, and reads go on") {
  SECTION("plain") {
    PlainFixture f;
    REQUIRE(f.owner->write("last") == net::Stream::Written::kAll);
    f.owner->stream->shutdown_write();
    REQUIRE(turn_until(f.loop, [&] { return f.peer.ended(); }));
    CHECK_FALSE(f.peer.was_reset());
    CHECK(f.peer.in() == "last");
    f.owner->read();
    REQUIRE(f.peer.send("late"));
    CHECK(turn_until(f.loop, [&] { return f.owner->in == "late"; }));
  }
  SECTION("TLS") {
    TlsFixture f;
    REQUIRE(f.owner->write("last") == net::Stream::Written::kAll);
    f.owner->stream->shutdown_write();
    REQUIRE(turn_until(f.loop, [&] { return f.peer->ended_in_order(); }));
    CHECK(f.peer->in() == "last");
    f.owner->read();
    REQUIRE(f.peer->send("late"));
    CHECK(turn_until(f.loop, [&] { return f.owner->in == "late"; }));
    f.owner->stream->close();
    f.owner.reset();
    CHECK(turn_until(f.loop, [&] { return f.alive == 0; }));
  }
}

TEST_CASE("plain stream: a read's handler may destroy the stream") {
  struct Destroyer final : net::RefCounted {
    void on_read(net::ErrorCode, std::size_t) {
      stream.reset();
      ++reads;
    }
    std::unique_ptr<net::Stream> stream;
    std::array<char, 16> buffer{};
    int reads = 0;
  };
  net::Loop loop;
  Pair pair = connected_pair(loop);
  const net::Ref<Destroyer> destroyer(new Destroyer);
  destroyer->stream = net::make_plain_stream(std::move(pair.ours));
  destroyer->stream->read(destroyer->buffer, net::handler<&Destroyer::on_read>(*destroyer));
  REQUIRE(pair.theirs.send("x"));
  CHECK(turn_until(loop, [&] { return destroyer->reads == 1; }));
}

TEST_CASE("plain stream: reads that wait for the next bytes see each message, and the end") {
  struct Reader final : net::RefCounted {
    void on_read(net::ErrorCode error, std::size_t bytes) {
      if (error) {
        ended = true;
        return;
      }
      in.append(buffer.data(), bytes);
      arm();
    }
    void arm() {
      stream->read(buffer, net::handler<&Reader::on_read>(*this), net::Stream::Look::kWait);
    }
    std::unique_ptr<net::Stream> stream;
    std::array<char, 64> buffer{};
    std::string in;
    bool ended = false;
  };
  net::Loop loop;
  Pair pair = connected_pair(loop);
  const net::Ref<Reader> reader(new Reader);
  reader->stream = net::make_plain_stream(std::move(pair.ours));
  reader->arm();
  Random random(5);
  std::string sent;
  for (int i = 0; i < 2000; ++i) {
    // Of the size of the buffer, too, so that it is not known whether more is there.
    const std::string piece(1 + random.below(130), static_cast<char>('a' + i % 26));
    REQUIRE(pair.theirs.send(piece));
    sent += piece;
    if (random.below(3) == 0) REQUIRE(turn_until(loop, [&] { return reader->in == sent; }));
  }
  REQUIRE(turn_until(loop, [&] { return reader->in == sent; }));
  settle(loop);
  pair.theirs.finish();
  CHECK(turn_until(loop, [&] { return reader->ended; }));
}

TEST_CASE("plain stream: writing to a peer that has gone fails") {
  PlainFixture f;
  f.peer.reset();
  REQUIRE(turn_until(f.loop, [&] { return f.owner->write("x") == net::Stream::Written::kFailed; }));
}

TEST_CASE("what only unfinished operations keep goes with the loop, deadlines included") {
  int alive = 0;
  struct Timed final : net::RefCounted {
    Timed(net::Loop& loop, int* count) : deadline(loop.timers, [](void*) {}, this), alive(count) {
      ++*alive;
    }
    ~Timed() override { --*alive; }
    void on_read(net::ErrorCode, std::size_t) {}
    net::Deadline deadline;
    std::unique_ptr<net::Stream> stream;
    std::array<char, 16> buffer{};
    int* alive;
  };
  {
    net::Loop loop;
    Peer peer;
    for (int i = 0; i < 2; ++i) {
      Pair pair = connected_pair(loop);
      peer = std::move(pair.theirs);
      const net::Ref<Timed> timed(new Timed(loop, &alive));
      timed->stream = net::make_plain_stream(std::move(pair.ours));
      timed->deadline.set(now() + std::chrono::hours(1));
      timed->stream->read(timed->buffer, net::handler<&Timed::on_read>(*timed));
    }
    CHECK(alive == 2);
  }
  CHECK(alive == 0);
}
