// SPDX-License-Identifier: Apache-2.0
#include "events/webhook.hpp"

#include <string>
#include <vector>

#include "events/event.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "support/tls_material.hpp"

using namespace sluice;
using namespace sluice::events;
using sluice::testing::ListeningPeer;
using sluice::testing::Peer;
using sluice::testing::turn_until;

namespace {

constexpr std::string_view kOk = "HTTP/1.1 204 No Content\r\n\r\n";

struct Fixture {
  net::Loop loop;
  std::shared_ptr<Hub> hub = std::make_shared<Hub>(loop.io, Hub::Options{}, 1);
  ListeningPeer receiver;
  std::optional<Webhook> webhook;

  explicit Fixture(const Webhook::Limits& limits = {}) {
    webhook.emplace(loop.io, hub, limits, 7);
    webhook->configure(target());
  }
  ~Fixture() {
    webhook.reset();
    sluice::testing::settle(loop);
  }

  [[nodiscard]] WebhookTarget target() const {
    WebhookTarget to;
    to.host = "127.0.0.1";
    to.port = receiver.endpoint().port();
    to.authority = "ops.example";
    to.path_and_query = "/hook?token=secret";
    to.authorization = "Basic abc";
    to.headers = {{"x-team", "desk"}};
    return to;
  }
  void emit(std::uint64_t n) { hub->emit(Reloaded{.chains = n}); }
  Peer accept() {
    Peer peer;
    REQUIRE(turn_until(loop, [&] { return (peer = receiver.accept()).open(); }));
    return peer;
  }
  /// The next request, whole.
  std::string request(Peer& peer) {
    std::size_t whole = std::string::npos;
    REQUIRE(turn_until(loop, [&] {
      const std::string& in = peer.in();
      const auto head = in.find("\r\n\r\n");
      if (head == std::string::npos) return false;
      whole = head + 4 + std::stoul(in.substr(in.find("Content-Length: ") + 16));
      return in.size() >= whole;
    }));
    return peer.take();
  }
  void answer(Peer& peer, std::string_view bytes) {
    REQUIRE(peer.send(bytes));
    REQUIRE(turn_until(loop, [&] { return peer.ended(); }));
  }
  [[nodiscard]] std::uint64_t counted(Outcome outcome) const {
    return hub->counted(Sink::kWebhook, outcome);
  }
  /// Whether an event of this name has been told.
  [[nodiscard]] std::string told(Kind kind) const {
    for (auto i = hub->kept().first(); i < hub->kept().next(); ++i) {
      if (hub->kept().at(i)->kind == kind) return hub->kept().at(i)->json;
    }
    return {};
  }
};

bool has(const std::string& all, std::string_view part) {
  return all.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an event is posted at once; those that come meanwhile go together") {
  Fixture f;
  f.emit(1);
  Peer first = f.accept();
  const std::string request = f.request(first);
  CHECK(request.starts_with("POST /hook?token=secret HTTP/1.1\r\nHost: ops.example\r\n"));
  CHECK(has(request, "\r\nContent-Type: application/json\r\n"));
  CHECK(has(request, "\r\nAuthorization: Basic abc\r\n"));
  CHECK(has(request, "\r\nx-team: desk\r\n"));
  CHECK(has(request, "\r\n\r\n{\"source\":\"sluice\",\"host\":\""));
  CHECK(has(request, R"("attempt":1,"dropped":0,"events":[{"id":"1-1",)"));
  f.emit(2);
  f.emit(3);
  CHECK(f.webhook->waiting() == 3);
  f.answer(first, kOk);
  Peer second = f.accept();
  const std::string both = f.request(second);
  CHECK_FALSE(has(both, R"("id":"1-1")"));
  CHECK(has(both, R"("id":"1-2")"));
  CHECK(has(both, R"("id":"1-3")"));
  f.answer(
      second,
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(f.webhook->waiting() == 0);
  CHECK(f.counted(Outcome::kDelivered) == 3);
  CHECK(f.counted(Outcome::kRetried) == 0);
  CHECK(f.told(Kind::kWebhookFailing).empty());
}

TEST_CASE("a delivery that fails is repeated with what has come since, and both turns are told") {
  Fixture f;
  f.emit(1);
  Peer first = f.accept();
  f.request(first);
  f.answer(first, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  CHECK(has(f.told(Kind::kWebhookFailing), R"("reason":"http_503","attempts":1,"waiting":1)"));
  f.emit(2);
  Peer second = f.accept();
  const std::string again = f.request(second);
  CHECK(has(again, R"("attempt":2)"));
  CHECK(has(again, R"("id":"1-1")"));
  CHECK(has(again, R"("event":"webhook_failing")"));
  CHECK(has(again, R"("id":"1-3")"));
  f.answer(second, kOk);
  CHECK(has(f.told(Kind::kWebhookWorking), R"("waiting":0,"dropped":0)"));
  CHECK(f.counted(Outcome::kRetried) == 1);
}

TEST_CASE("what a receiver does not want is not repeated, and no redirect is followed") {
  for (const char* answer : {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
                             "HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:1/\r\n\r\n"}) {
    CAPTURE(answer);
    Fixture f;
    f.emit(1);
    Peer first = f.accept();
    f.request(first);
    f.answer(first, answer);
    CHECK(f.counted(Outcome::kRefused) == 1);
    // The next post has only what is new.
    Peer second = f.accept();
    const std::string next = f.request(second);
    CHECK_FALSE(has(next, R"("id":"1-1")"));
    CHECK(has(next, R"("event":"webhook_failing")"));
    f.answer(second, kOk);
    CHECK(f.webhook->waiting() <= 1);
  }
}

TEST_CASE("the queue is bounded: the oldest are dropped, counted, and the receiver is told") {
  Fixture f(Webhook::Limits{.waiting_max = 3, .events_per_post = 2});
  f.emit(1);
  Peer first = f.accept();
  f.request(first);
  for (std::uint64_t i = 2; i <= 6; ++i) f.emit(i);
  CHECK(f.counted(Outcome::kDropped) == 2);
  CHECK(f.webhook->waiting() == 4);  // one is on its way
  f.answer(first, kOk);
  Peer second = f.accept();
  const std::string next = f.request(second);
  CHECK(has(next, R"("dropped":2)"));
  CHECK(has(next, R"("id":"1-4")"));
  CHECK(has(next, R"("id":"1-5")"));
  CHECK_FALSE(has(next, R"("id":"1-6")"));
}

TEST_CASE("a receiver that accepts and says nothing, or is not there, times out or is refused") {
  Fixture f;
  WebhookTarget to = f.target();
  to.timeout = std::chrono::milliseconds(30);
  f.webhook->configure(to);
  f.emit(1);
  Peer silent = f.accept();
  REQUIRE(turn_until(f.loop, [&] { return f.counted(Outcome::kRetried) == 1; }));
  CHECK(has(f.told(Kind::kWebhookFailing), R"("reason":"timeout")"));
  Fixture gone;
  gone.receiver.stop();
  gone.emit(1);
  REQUIRE(turn_until(gone.loop, [&] { return gone.counted(Outcome::kRetried) == 1; }));
  CHECK(has(gone.told(Kind::kWebhookFailing), R"("reason":"connect")"));
}

TEST_CASE("a new target gets what waits; none drops it") {
  Fixture f;
  ListeningPeer other;
  f.receiver.stop();
  f.emit(1);
  REQUIRE(turn_until(f.loop, [&] { return f.counted(Outcome::kRetried) == 1; }));
  WebhookTarget to = f.target();
  to.port = other.endpoint().port();
  f.webhook->configure(to);
  Peer peer;
  REQUIRE(turn_until(
      f.loop, [&] { return (peer = other.accept()).open(); }, std::chrono::milliseconds(200)));
  CHECK(has(f.request(peer), R"("id":"1-1")"));
  f.emit(2);
  f.webhook->configure(std::nullopt);
  CHECK(f.counted(Outcome::kDropped) >= 1);
  f.emit(3);
  CHECK(f.webhook->waiting() <= 2);  // only what was on its way
}

TEST_CASE("without a target nothing waits for its next try") {
  Fixture f;
  f.receiver.stop();
  f.emit(1);
  REQUIRE(turn_until(f.loop, [&] { return f.counted(Outcome::kRetried) == 1; }));
  REQUIRE(f.webhook->waiting() > 0);
  f.webhook->configure(std::nullopt);
  CHECK(f.webhook->waiting() == 0);
  CHECK(f.counted(Outcome::kDropped) >= 1);
}

TEST_CASE("the least level holds") {
  Fixture f;
  WebhookTarget to = f.target();
  to.least = log::Level::kWarn;
  f.webhook->configure(to);
  f.emit(1);
  CHECK(f.webhook->waiting() == 0);
  f.hub->emit(CallsCut{.reason = "x", .calls = 1});
  CHECK(f.webhook->waiting() == 1);
}

TEST_CASE("at the end there is one more try") {
  Fixture f;
  bool done = false;
  SECTION("nothing waits") {
    f.webhook->finish([&] { done = true; });
    CHECK(done);
  }
  SECTION("it is not held up by the pause of a failing delivery") {
    f.emit(1);
    Peer first = f.accept();
    f.request(first);
    f.answer(first, "HTTP/1.1 429 Later\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n");
    f.webhook->finish([&] { done = true; });
    Peer second = f.accept();
    CHECK(has(f.request(second), R"("id":"1-1")"));
    CHECK_FALSE(done);
    SECTION("and it succeeds") {
      f.answer(second, kOk);
      // webhook_working is an event of its own.
      Peer third = f.accept();
      f.request(third);
      f.answer(third, kOk);
      CHECK(f.webhook->waiting() == 0);
    }
    SECTION("or not") {
      f.answer(second, "HTTP/1.1 503 Busy\r\n\r\n");
      CHECK(f.webhook->waiting() == 2);
    }
    CHECK(turn_until(f.loop, [&] { return done; }));
  }
}

TEST_CASE("a webhook may end in the middle of a delivery, and its loop after it") {
  Fixture f;
  f.emit(1);
  Peer first = f.accept();
  f.webhook.reset();
  f.emit(2);
  CHECK(f.counted(Outcome::kDelivered) == 0);
}

TEST_CASE("over TLS the receiver is verified") {
  const sluice::testing::TlsMaterial material("127.0.0.1");
  const sluice::testing::TlsMaterial other("127.0.0.1");
  Fixture f;
  WebhookTarget to = f.target();
  const auto tls = net::ClientTls::make("127.0.0.1", other.certificate());
  REQUIRE(tls);
  to.tls = *tls;
  f.webhook->configure(to);
  f.emit(1);
  Peer peer = f.accept();
  // No certificate at all.
  REQUIRE(turn_until(f.loop, [&] { return !peer.in().empty(); }));
  CHECK(peer.in().front() == '\x16');
  peer.send("HTTP/1.1 200 OK\r\n\r\n");
  REQUIRE(turn_until(f.loop, [&] { return f.counted(Outcome::kRetried) == 1; }));
  CHECK(has(f.told(Kind::kWebhookFailing), R"("reason":"tls")"));
}
