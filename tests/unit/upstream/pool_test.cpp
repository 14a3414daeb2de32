// SPDX-License-Identifier: Apache-2.0
// Permits and connections: never more than the caps, never one lost, whatever happens to the calls.
#include "upstream/pool.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "unit/upstream/node_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using namespace std::chrono_literals;
using upstream::CloseReason;

namespace {

constexpr std::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("permits: up to the upstream's cap and the global one, and given back") {
  upstream::Options options;
  options.connections_max = 3;
  NodeFixture f(options);
  f.ceiling->max = 2;
  REQUIRE(f.pool->take(now()) != nullptr);
  REQUIRE(f.pool->take(now()) != nullptr);
  CHECK(f.pool->take(now()) == nullptr);
  CHECK_FALSE(f.pool->has_room());
  CHECK(f.shared->connections == 2);
  CHECK(f.ceiling->used == 2);
  f.ceiling->max = 10;
  REQUIRE(f.pool->take(now()) != nullptr);
  CHECK(f.pool->take(now()) == nullptr);
  CHECK(f.ceiling->used == 3);
  CHECK(f.listener->ceilings == 0);
  f.ceiling->max = 3;
  f.pool->close_all();
  CHECK(f.shared->connections == 0);
  CHECK(f.ceiling->used == 0);
  CHECK(f.shared->connecting == 0);
  // The first that went freed a place that others may have waited for.
  CHECK(f.listener->ceilings == 1);
  CHECK(f.pool->take(now()) == nullptr);
}

TEST_CASE("the one used last is used first, and a replay gets a fresh one") {
  NodeFixture f;
  FakeSink sinks[2];
  upstream::Connection* first = f.start(sinks[0]);
  upstream::Connection* second = f.start(sinks[1]);
  std::vector<Peer> nodes;
  nodes.push_back(f.accept());
  nodes.push_back(f.accept());
  for (Peer& node : nodes) {
    f.request(node);
    REQUIRE(node.send(kReply));
    settle(f.loop);
  }
  REQUIRE(f.until([&] { return sinks[0].replies + sinks[1].replies == 2; }));
  upstream::Connection* again = f.pool->take(now());
  CHECK((again == first || again == second));
  CHECK(f.listener->created == 2);
  CHECK(f.pool->take_fresh(now()) != nullptr);
  CHECK(f.listener->created == 3);
}

TEST_CASE("a kept connection that has died unseen is not given out") {
  NodeFixture f;
  FakeSink sink;
  f.start(sink);
  Peer node = f.accept();
  f.request(node);
  REQUIRE(node.send(kReply));
  REQUIRE(f.until([&] { return sink.replies == 1; }));
  node.close();
  // Nobody has turned the loop since.
  upstream::Connection* fresh = f.pool->take(now(), true);
  REQUIRE(fresh != nullptr);
  CHECK(f.listener->closed == std::vector<CloseReason>{CloseReason::kPeerClosed});
  CHECK(f.listener->created == 2);
}

TEST_CASE(
    "retiring: idle ones close now, busy ones after their call, and old calls may still dial") {
  NodeFixture f;
  FakeSink idle;
  FakeSink busy;
  f.start(idle);
  Peer first = f.accept();
  f.request(first);
  f.start(busy);
  Peer second = f.accept();
  f.request(second);
  REQUIRE(first.send(kReply));
  REQUIRE(f.until([&] { return idle.replies == 1; }));
  f.pool->retire();
  CHECK(f.listener->closed == std::vector<CloseReason>{CloseReason::kRetired});
  REQUIRE(second.send(kReply));
  REQUIRE(f.until([&] { return busy.replies == 1; }));
  CHECK(f.listener->closed.size() == 2);

  FakeSink late;
  f.start(late);
  Peer third = f.accept();
  f.request(third);
  REQUIRE(third.send(kReply));
  REQUIRE(f.until([&] { return late.replies == 1; }));
  CHECK(f.listener->closed.size() == 3);
  CHECK(f.pool->empty());
  CHECK(f.shared->connections == 0);
}

TEST_CASE("a minimum is dialled, and kept up when connections grow old") {
  upstream::Options options;
  options.idle_timeout = 30ms;
  NodeFixture f(options);
  const net::Ref<FakeListener> listener(new FakeListener);
  const net::Ref<upstream::Pool> pool(new upstream::Pool(f.loop, f.shared, 2, listener));
  pool->fill(now());
  CHECK(listener->created == 2);
  pool->fill(now());
  CHECK(listener->created == 2);
  REQUIRE(f.until([&] { return listener->closed.size() >= 2; }));
  CHECK(listener->created == 4);
  // What a node closes is not replaced at once: it may do so for ever.
  const auto closed = listener->closed.size();
  for (Peer node = f.node.accept(); node.open(); node = f.node.accept()) node.reset();
  REQUIRE(f.until([&] { return listener->closed.size() >= closed + 2; }));
  pool->close_all();
}

TEST_CASE("room is made for another worker only where there is none") {
  upstream::Options options;
  options.connections_max = 2;
  NodeFixture f(options);
  FakeSink sink;
  f.start(sink);
  Peer node = f.accept();
  f.request(node);
  REQUIRE(node.send(kReply));
  REQUIRE(f.until([&] { return sink.replies == 1; }));
  f.pool->make_permit();
  CHECK(f.listener->closed.empty());
  REQUIRE(f.shared->take_permit());
  f.pool->make_permit();
  CHECK(f.listener->closed == std::vector<CloseReason>{CloseReason::kRebalanced});
  CHECK(f.shared->has_permit());
  f.shared->return_permit();
}

TEST_CASE("an upstream that is lost: idle ones close, calls that may move fail, others stay") {
  struct Mover final : upstream::AttemptSink {
    bool judge(const upstream::ReplyHead&, std::string_view) override { return true; }
    void on_reply() override {}
    void on_failure(const upstream::Failure& with) override { failure = with; }
    bool may_move() const override { return true; }
    bool stream_begin(const upstream::ReplyHead&) override { return false; }
    bool stream_data(std::string_view) override { return false; }
    bool stream_end() override { return false; }
    std::optional<upstream::Failure> failure;
  };
  NodeFixture f;
  FakeSink idle;
  FakeSink stays;
  Mover moves;
  f.start(idle);
  Peer first = f.accept();
  f.request(first);
  REQUIRE(first.send(kReply));
  REQUIRE(f.until([&] { return idle.replies == 1; }));
  FakeSink keeps;
  f.start(keeps);
  f.start(stays);
  upstream::Connection* moving = f.pool->take(now());
  moving->start({9, "eth_call", "[]"}, moves, now() + 10s);
  settle(f.loop);
  f.pool->upstream_lost();
  REQUIRE(moves.failure);
  CHECK(moves.failure->kind == upstream::Failure::Kind::kUpstreamLost);
  CHECK(stays.ends() == 0);
  CHECK(f.shared->connections == 2);
}

TEST_CASE("no permit is lost or doubled by any course of calls, cuts and time-outs") {
  const std::uint64_t seed = Catch::rngSeed() == 0 ? 20260 : Catch::rngSeed();
  INFO("seed " << seed);
  Random random(seed);
  upstream::Options options;
  options.connections_max = 6;
  options.idle_timeout = 20ms;
  NodeFixture f(options);
  f.ceiling->max = 5;
  struct Running {
    std::unique_ptr<FakeSink> sink = std::make_unique<FakeSink>();
    bool abandoned = false;
  };
  std::vector<Running> calls;
  std::vector<Peer> nodes;
  std::uint32_t highest = 0;
  for (int step = 0; step < 6000; ++step) {
    INFO("step " << step);
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        if (upstream::Connection* connection = f.pool->take(now(), random.below(2) == 0)) {
          Running call;
          call.sink->at = connection;
          connection->start({++f.id, "m", "[]"}, *call.sink,
                            now() + std::chrono::milliseconds(1 + random.below(30)));
          calls.push_back(std::move(call));
        }
        break;
      case 3:
        if (!calls.empty()) {
          Running& call = calls[random.below(calls.size())];
          if (call.sink->ends() == 0 && !call.abandoned) {
            call.abandoned = true;
            call.sink->at->abandon();
          }
        }
        break;
      case 4:
      case 5:
        if (!nodes.empty()) {
          Peer& node = nodes[random.below(nodes.size())];
          if (!node.take().empty()) static_cast<void>(node.send(kReply));
        }
        break;
      case 6:
        if (!nodes.empty() && random.below(3) == 0) {
          Peer& node = nodes[random.below(nodes.size())];
          random.below(2) == 0 ? node.reset() : node.close();
        }
        break;
      default:
        f.loop.io.restart();
        f.loop.io.run_one_for(1ms);
        break;
    }
    settle(f.loop);
    for (Peer node = f.node.accept(); node.open(); node = f.node.accept())
      nodes.push_back(std::move(node));
    std::erase_if(nodes, [](Peer& node) { return !node.open() || node.ended(); });
    std::uint32_t running = 0;
    for (const Running& call : calls) {
      REQUIRE(call.sink->ends() <= 1);
      if (call.sink->ends() == 0 && !call.abandoned) ++running;
    }
    highest = std::max(highest, f.shared->connections.load());
    REQUIRE(f.shared->in_flight == running);
    REQUIRE(f.shared->connections <= 5);
    REQUIRE(f.shared->connections == f.ceiling->used);
    REQUIRE(f.shared->connections == static_cast<std::uint32_t>(f.listener->created) -
                                         f.listener->closed.size() + f.shared->parked);
    REQUIRE(f.shared->connecting <= f.shared->connections);
    std::erase_if(calls,
                  [](const Running& call) { return call.sink->ends() == 1 || call.abandoned; });
  }
  CHECK(highest == 5);
  for (Running& call : calls) call.sink->at->abandon();
  f.pool->close_all();
  settle(f.loop);
  CHECK(f.shared->connections == 0);
  CHECK(f.ceiling->used == 0);
  CHECK(f.shared->in_flight == 0);
  CHECK(f.shared->connecting == 0);
  CHECK(f.shared->parked == 0);
  CHECK(*f.shared->draining == 0);
}
