// SPDX-License-Identifier: Apache-2.0
// Connections and pools before a node whose every byte the test sends itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/loopback.hpp"
#include "support/tls_material.hpp"
#include "upstream/pool.hpp"

namespace sluice::testing {

/// Notes all that an attempt is told.
class FakeSink final : public upstream::AttemptSink {
 public:
  bool judge(const upstream::ReplyHead& head, std::string_view body) override {
    ++judged;
    status = head.status;
    retry_after = head.retry_after_s;
    text.assign(body);
    if (blames) at->blame();
    return sound;
  }
  void on_sent(TimePoint now) override {
    ++sent;
    sent_at = now;
  }
  void on_reply() override {
    ++replies;
    if (then) then();
  }
  void on_failure(const upstream::Failure& with) override {
    ++failures;
    failure = with;
    if (then) then();
  }
  void on_moved(upstream::Connection& connection) override {
    ++moves;
    at = &connection;
  }
  bool stream_begin(const upstream::ReplyHead& head) override {
    ++begun;
    status = head.status;
    return streams;
  }
  bool stream_data(std::string_view bytes) override {
    streamed.append(bytes);
    if (on_data) return on_data();
    return true;
  }
  bool stream_end() override {
    ++ended;
    return sound;
  }
  [[nodiscard]] int ends() const noexcept { return replies + failures + ended; }

  bool sound = true;
  bool blames = false;
  bool streams = true;
  std::function<void()> then;
  std::function<bool()> on_data;
  int judged = 0, replies = 0, failures = 0, begun = 0, ended = 0, moves = 0, sent = 0;
  TimePoint sent_at{};
  /// Where the call is, as far as the test has set it; kept when it moves.
  net::Ref<upstream::Connection> at;
  int status = 0;
  std::uint32_t retry_after = 0;
  std::string text;
  std::string streamed;
  upstream::Failure failure;
};

class FakeListener final : public upstream::PoolListener {
 public:
  void connection_created() override { ++created; }
  void connection_closed(upstream::CloseReason reason) override { closed.push_back(reason); }
  void capacity_freed(upstream::Pool& pool) override {
    ++freed;
    if (on_freed) on_freed(pool);
  }
  void ceiling_freed() override { ++ceilings; }
  void warmed_up(bool well, std::uint32_t calls) override {
    ++(well ? warm : cold);
    warm_up_calls += calls;
  }
  [[nodiscard]] std::uint64_t chain_id() const override { return chain; }
  std::function<void(upstream::Pool&)> on_freed;
  int created = 0, freed = 0, ceilings = 0, warm = 0, cold = 0;
  std::uint32_t warm_up_calls = 0;
  std::uint64_t chain = 0;
  std::vector<upstream::CloseReason> closed;
};

struct NodeFixture {
  explicit NodeFixture(upstream::Options with = {}, std::shared_ptr<net::ClientTls> tls = nullptr)
      : shared(
            std::make_shared<upstream::Shared>(prepared(std::move(with)), std::move(tls), ceiling)),
        pool(new upstream::Pool(loop, shared, 0, listener)) {
    shared->set_endpoints({node.endpoint()});
  }
  ~NodeFixture() {
    listener->on_freed = nullptr;
    pool->close_all();
    settle(loop);
  }
  static upstream::Options prepared(upstream::Options options) {
    if (options.host.empty()) options.host = "127.0.0.1";
    return options;
  }
  bool until(const std::function<bool()>& done) { return turn_until(loop, done); }

  upstream::Connection* start(FakeSink& sink, std::string_view params = "[1]",
                              Duration within = std::chrono::seconds(30)) {
    upstream::Connection* connection = pool->take(now());
    REQUIRE(connection != nullptr);
    sink.at = connection;
    connection->start({++id, "eth_call", params}, sink, now() + within);
    return connection;
  }
  /// The node's end of the next connection.
  Peer accept() {
    Peer peer;
    REQUIRE(until([&] {
      peer = node.accept();
      return peer.open();
    }));
    return peer;
  }
  /// Waits for a whole request on the node's end, and takes it.
  std::string request(Peer& peer) {
    REQUIRE(until([&] {
      const auto end = peer.in().find("\r\n\r\n");
      if (end == std::string::npos) return false;
      const auto at = peer.in().find("Content-Length: ");
      return peer.in().size() >= end + 4 + std::stoul(peer.in().substr(at + 16));
    }));
    return peer.take();
  }

  net::Loop loop;
  ListeningPeer node;
  std::shared_ptr<upstream::Ceiling> ceiling = std::make_shared<upstream::Ceiling>();
  std::shared_ptr<upstream::Shared> shared;
  net::Ref<FakeListener> listener{new FakeListener};
  net::Ref<upstream::Pool> pool;
  std::uint64_t id = 0;
};

inline std::string sized(std::string_view body, std::string_view fields = "") {
  return std::string("HTTP/1.1 200 OK\r\n")
      .append(fields)
      .append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

}  // namespace sluice::testing
