// SPDX-License-Identifier: Apache-2.0
// Calls that wait for a connection, connections made before calls come, and those that are not
// worth keeping.
#include <algorithm>
#include <array>
#include <span>

#include "unit/upstream/node_fixture.hpp"
#include "upstream/pool.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;
using upstream::CloseReason;

namespace {

constexpr std::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A listener whose queue is full: who connects now waits for as long as it exists.
struct FullListener {
  FullListener() {
    for (int& filler : fillers) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      const net::TcpEndpoint to = listener.endpoint();
      static_cast<void>(::connect(filler, to.data(), static_cast<socklen_t>(to.size())));
    }
  }
  ~FullListener() {
    for (const int filler : fillers) ::close(filler);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;

  ListeningPeer listener{0};
  std::array<int, 4> fillers{};
};

/// Each has its call on a connection of its own; the nodes' sides of these.
std::vector<Peer> busy_with(NodeFixture& f, std::span<FakeSink> sinks) {
  std::vector<Peer> nodes;
  for (FakeSink& sink : sinks) {
    f.start(sink);
    nodes.push_back(f.accept());
    f.request(nodes.back());
  }
  return nodes;
}

std::size_t closed(const NodeFixture& f, CloseReason reason) {
  return static_cast<std::size_t>(std::ranges::count(f.listener->closed, reason));
}

}  // namespace

TEST_CASE("a call that waits for a handshake takes the connection that becomes free before") {
  const FullListener full;
  NodeFixture f;
  FakeSink first;
  FakeSink second;
  f.start(first);
  Peer node = f.accept();
  f.request(node);
  f.shared->set_endpoints({full.listener.endpoint()});
  upstream::Connection* const dialled = f.start(second);
  settle(f.loop);
  CHECK(f.shared->connecting == 1);
  REQUIRE(node.send(kReply));
  REQUIRE(f.until([&] { return first.replies == 1; }));
  CHECK(second.moves == 1);
  CHECK(second.at.get() != dialled);
  f.request(node);
  REQUIRE(node.send(kReply));
  REQUIRE(f.until([&] { return second.replies == 1; }));
  CHECK(second.failures == 0);
  CHECK(f.shared->in_flight == 0);
  // What was dialled for it goes on, for whoever comes next.
  CHECK(f.shared->connecting == 1);
  CHECK(f.listener->created == 2);
}

TEST_CASE("only a few handshakes run at once; the other calls wait for what becomes free") {
  const FullListener full;
  NodeFixture f;
  f.shared->set_endpoints({full.listener.endpoint()});
  std::vector<std::unique_ptr<FakeSink>> sinks;
  for (int i = 0; i < 20; ++i) {
    sinks.push_back(std::make_unique<FakeSink>());
    f.start(*sinks.back());
  }
  settle(f.loop);
  CHECK(f.shared->connecting == 8);
  CHECK(f.shared->parked == 12);
  CHECK(f.shared->connections == 20);
  CHECK(f.listener->created == 8);
  CHECK(f.shared->in_flight == 20);
  // Whoever gives up leaves nothing behind: neither a permit nor a place in the line.
  for (const auto& sink : sinks) sink->at->abandon();
  CHECK(f.shared->parked == 0);
  CHECK(f.shared->connections == 8);
  CHECK(f.shared->in_flight == 0);
  CHECK(f.shared->parts()[0].open == 8);
}

TEST_CASE("the calls that wait are served in their order by the first connections that are there") {
  NodeFixture f;
  std::vector<std::unique_ptr<FakeSink>> sinks;
  std::vector<int> order;
  for (int i = 0; i < 30; ++i) {
    sinks.push_back(std::make_unique<FakeSink>());
    sinks.back()->then = [&order, i] { order.push_back(i); };
    f.start(*sinks.back());
  }
  std::vector<Peer> nodes;
  REQUIRE(f.until([&] {
    for (Peer node = f.node.accept(); node.open(); node = f.node.accept())
      nodes.push_back(std::move(node));
    for (Peer& node : nodes) {
      if (!node.take().empty()) static_cast<void>(node.send(kReply));
    }
    return order.size() == 30;
  }));
  for (const auto& sink : sinks) CHECK(sink->replies == 1);
  CHECK(f.shared->parked == 0);
  CHECK(f.shared->in_flight == 0);
  CHECK(f.listener->created <= 30);
}

TEST_CASE("where nobody can be reached, those that wait are told with those that dialled") {
  NodeFixture f;
  f.node.stop();
  std::vector<std::unique_ptr<FakeSink>> sinks;
  for (int i = 0; i < 20; ++i) {
    sinks.push_back(std::make_unique<FakeSink>());
    f.start(*sinks.back());
  }
  REQUIRE(f.until([&] {
    return std::ranges::all_of(sinks, [](const auto& sink) { return sink->failures == 1; });
  }));
  const auto told = std::ranges::count_if(sinks, [](const auto& s) { return !s->failure.echo; });
  CHECK(told <= 8);
  for (const auto& sink : sinks) CHECK_FALSE(sink->failure.maybe_sent);
  CHECK(f.shared->connections == 0);
  CHECK(f.shared->parked == 0);
}

TEST_CASE("a target is dialled up to, and idle connections beyond it close; no call is cut") {
  NodeFixture f;
  f.pool->steer(3, false, now());
  REQUIRE(f.until([&] { return f.shared->connecting == 0; }));
  CHECK(f.listener->created == 3);
  CHECK(f.shared->parts()[0].open == 3);
  FakeSink busy;
  f.start(busy);
  CHECK(f.shared->parts()[0].busy == 1);
  CHECK(f.shared->parts()[0].peak == 1);
  f.pool->steer(0, false, now());
  CHECK(closed(f, CloseReason::kExcess) == 2);
  CHECK(busy.ends() == 0);
  CHECK(f.shared->connections == 1);
  std::vector<Peer> nodes;
  REQUIRE(f.until([&] {
    for (Peer node = f.node.accept(); node.open(); node = f.node.accept())
      nodes.push_back(std::move(node));
    for (Peer& node : nodes) {
      if (!node.take().empty()) static_cast<void>(node.send(kReply));
    }
    return busy.replies == 1;
  }));
  CHECK(f.pool->has_idle());
}

TEST_CASE("ahead of its calls a pool keeps one idle connection more") {
  upstream::Options options;
  options.dials_ahead = true;
  NodeFixture f(options);
  FakeSink first;
  f.start(first);
  REQUIRE(f.until([&] { return f.shared->connecting == 0; }));
  CHECK(f.listener->created == 2);
  FakeSink second;
  f.start(second);
  REQUIRE(f.until([&] { return f.shared->connecting == 0; }));
  CHECK(f.listener->created == 3);
}

TEST_CASE("connections that are made ready are tried with one call, if that is wanted") {
  struct Row {
    const char* name;
    bool verify;
    std::uint64_t chain;
    std::string_view result;
    int warm, cold;
  };
  for (const Row& row :
       {Row{"right", true, 1, R"("0x1")", 2, 0},
        Row{"chain not known yet", true, 0, R"("0x1")", 2, 0},
        Row{"another chain", true, 2, R"("0x1")", 0, 2}, Row{"nonsense", true, 1, "[]", 0, 2},
        Row{"not tried", false, 1, "", 2, 0}}) {
    INFO(row.name);
    upstream::Options options;
    options.warm_up = 2;
    options.warm_up_verified = row.verify;
    NodeFixture f(options);
    f.listener->chain = row.chain;
    f.pool->warm_up(2, now());
    std::vector<Peer> nodes;
    std::string asked;
    REQUIRE(f.until([&] {
      for (Peer node = f.node.accept(); node.open(); node = f.node.accept())
        nodes.push_back(std::move(node));
      for (Peer& node : nodes) {
        const std::string request = node.take();
        asked += request;
        if (!request.empty())
          static_cast<void>(node.send(
              sized(R"({"jsonrpc":"2.0","id":1,"result":)" + std::string(row.result) + "}")));
      }
      return f.listener->warm + f.listener->cold == 2;
    }));
    CHECK(f.listener->warm == row.warm);
    CHECK((asked.find("eth_chainId") != std::string::npos) == row.verify);
    CHECK(f.listener->warm_up_calls == (row.verify ? 2U : 0U));
    CHECK(f.pool->has_idle() == (row.warm != 0));
    CHECK(f.shared->in_flight == 0);
    const int created = f.listener->created;
    f.pool->warm_up(2, now());
    CHECK((f.listener->created == created) == (row.warm != 0));
  }
}

TEST_CASE("what is opened for calls that are expected is tried, and only that") {
  upstream::Options options;
  options.warm_up_verified = true;
  NodeFixture f(options);
  std::vector<Peer> nodes;
  std::size_t asked = 0;
  const auto serve = [&] {
    for (Peer node = f.node.accept(); node.open(); node = f.node.accept())
      nodes.push_back(std::move(node));
    for (Peer& node : nodes) {
      if (node.take().empty()) continue;
      ++asked;
      static_cast<void>(node.send(sized(R"({"jsonrpc":"2.0","id":1,"result":"0x1"})")));
    }
  };
  f.pool->steer(2, false, now());
  REQUIRE(f.until([&] {
    serve();
    return f.shared->connections == 2 && f.shared->connecting == 0;
  }));
  f.pool->steer(5, true, now());
  REQUIRE(f.until([&] {
    serve();
    return f.listener->warm == 3;
  }));
  CHECK(f.shared->parts()[0].trials == 0);
  CHECK(f.shared->parts()[0].peak == 0);
  CHECK(f.shared->handshake_ns > 0);
  CHECK(asked == 3);
  // What was expected no more is not tried when it comes later for another reason.
  f.pool->steer(9, true, now());
  f.pool->steer(5, false, now());
  f.pool->steer(10, false, now());
  REQUIRE(f.until([&] {
    serve();
    return f.shared->connections == 10 && f.shared->connecting == 0;
  }));
  settle(f.loop);
  CHECK(asked == 3);
}

TEST_CASE("a pool that closes in the middle of its trials keeps none of them") {
  upstream::Options options;
  options.warm_up = 2;
  options.warm_up_verified = true;
  NodeFixture f(options);
  f.pool->warm_up(2, now());
  std::vector<Peer> nodes;
  std::size_t asked = 0;
  REQUIRE(f.until([&] {
    for (Peer node = f.node.accept(); node.open(); node = f.node.accept())
      nodes.push_back(std::move(node));
    for (Peer& node : nodes) asked += node.take().empty() ? 0U : 1U;
    return asked == 2;
  }));
  f.pool->close_all();
  CHECK(f.pool->empty());
  // What is held by nobody else is held by the fixture alone: nothing keeps itself.
  CHECK(f.pool->references() == 1);
}

TEST_CASE("a connection that fails call after call is replaced; the upstream hears nothing of it") {
  NodeFixture f;
  f.pool->steer(1, false, now());
  Peer node = f.accept();
  for (int i = 0; i < 3; ++i) {
    CHECK(f.listener->closed.empty());
    FakeSink sink;
    f.start(sink);
    f.request(node);
    REQUIRE(node.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"));
    REQUIRE(f.until([&] { return sink.replies == 1; }));
  }
  CHECK(closed(f, CloseReason::kBad) == 1);
  CHECK(f.listener->created == 2);
  CHECK(f.shared->failures == 0);
  CHECK(f.shared->consecutive_failures == 0);
  // Some failures between good answers are no reason.
  Peer other = f.accept();
  for (int i = 0; i < 12; ++i) {
    FakeSink sink;
    f.start(sink);
    f.request(other);
    REQUIRE(other.send(i % 3 == 2 ? std::string(kReply)
                                  : "HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno"));
    REQUIRE(f.until([&] { return sink.replies == 1; }));
  }
  CHECK(closed(f, CloseReason::kBad) == 1);
}

TEST_CASE("a connection whose calls are blamed by those who read the replies is replaced too") {
  NodeFixture f;
  FakeSink first;
  f.start(first);
  Peer node = f.accept();
  for (int i = 0; i < 3; ++i) {
    CHECK(closed(f, CloseReason::kBad) == 0);
    FakeSink sink;
    FakeSink& used = i == 0 ? first : sink;
    if (i != 0) f.start(sink);
    used.blames = true;
    f.request(node);
    REQUIRE(node.send(kReply));
    REQUIRE(f.until([&] { return used.replies == 1; }));
  }
  CHECK(closed(f, CloseReason::kBad) == 1);
}

TEST_CASE("when the limit falls, what is above it ends with its call") {
  NodeFixture f;
  FakeSink sinks[3];
  std::vector<Peer> nodes = busy_with(f, sinks);
  f.shared->limit = 1;
  CHECK_FALSE(f.pool->has_room());
  CHECK(f.pool->take(now()) == nullptr);
  CHECK(f.shared->held_back == 1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    REQUIRE(nodes[i].send(kReply));
    REQUIRE(f.until([&] { return sinks[i].replies == 1; }));
  }
  CHECK(closed(f, CloseReason::kExcess) == 2);
  CHECK(f.shared->connections == 1);
}

TEST_CASE("when the limit falls, idle connections beyond it are in nobody's way") {
  for (const bool told : {true, false}) {
    CAPTURE(told);
    NodeFixture f;
    FakeSink sinks[3];
    std::vector<Peer> nodes = busy_with(f, sinks);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      REQUIRE(nodes[i].send(kReply));
      REQUIRE(f.until([&] { return sinks[i].replies == 1; }));
    }
    f.shared->limit = 2;
    if (told) {
      f.pool->obey_limit();
      CHECK(closed(f, CloseReason::kExcess) == 1);
      CHECK(f.shared->connections == 2);
      CHECK_FALSE(f.shared->has_permit());
      f.pool->obey_limit();
      CHECK(f.shared->connections == 2);
    }
    // Another worker's call needs a connection: what is idle here is not what holds it back.
    CHECK_FALSE(f.shared->at_limit());
    f.pool->make_permit();
    CHECK(f.shared->has_permit());
    CHECK(f.shared->connections == 1);
  }
}

TEST_CASE("what was taken and is not needed goes back") {
  NodeFixture f;
  upstream::Connection* const taken = f.pool->take(now());
  REQUIRE(taken != nullptr);
  f.pool->give_back(*taken);
  REQUIRE(f.until([&] { return f.shared->connecting == 0; }));
  CHECK(f.pool->has_idle());
  upstream::Connection* const idle = f.pool->take(now());
  REQUIRE(idle == taken);
  CHECK_FALSE(f.pool->has_idle());
  f.pool->give_back(*idle);
  CHECK(f.pool->has_idle());
}
