// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <thread>
#include <vector>

#include "unit/admin/admin_fixture.hpp"

using namespace sluice;
using namespace sluice::admin;

namespace {

std::string ask(const std::string& more = {}, const std::string& target = "/events") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}

/// Sends the request and reads the head and the opening of the stream.
void open(Raw& client, const std::string& request) {
  REQUIRE(client.send(request));
  const std::string head = client.until("retry: 2000\n\n");
  REQUIRE(head.starts_with("HTTP/1.1 200"));
  CHECK(head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(head.find("Cache-Control: no-store\r\n") != std::string::npos);
  CHECK(head.find("Connection: close\r\n") != std::string::npos);
  CHECK(head.find("Content-Length") == std::string::npos);
}

}  // namespace

TEST_CASE("events are frames with id, name and JSON") {
  Running running;
  Raw client(running.port());
  open(client, ask());
  running.emit(events::Reloaded{.chains = 3});
  CHECK(client.until("\n\n").starts_with(
      "id: b-1\nevent: reloaded\ndata: {\"id\":\"b-1\",\"ts\":\""));
  running.emit(events::Reloaded{.chains = 4});
  const std::string second = client.until("\n\n");
  CHECK(second.starts_with("id: b-2\n"));
  CHECK(second.ends_with("\"chains\":4}\n\n"));
}

TEST_CASE("a stream resumes behind the last event that the reader has") {
  Running running;
  for (std::uint64_t i = 1; i <= 3; ++i) running.emit(events::Reloaded{.chains = i});
  for (const auto& request :
       {ask("Last-Event-ID: b-2\r\n"), ask({}, "/events?last_event_id=b-2")}) {
    Raw client(running.port());
    open(client, request);
    CHECK(client.until("\n\n").starts_with("id: b-3\nevent: reloaded\n"));
  }
  Raw client(running.port());
  open(client, ask("Last-Event-ID: a-2\r\n"));
  // A gap without an id leaves the reader's last one as it was.
  CHECK(client.until("\n\n").starts_with("event: gap\ndata: {\"ts\":"));
  CHECK(client.until("\n\n").starts_with("id: b-1\n"));
}

TEST_CASE("a quiet stream shows that it lives, and a head alone is no stream") {
  Running running(Options{.heartbeat = std::chrono::milliseconds(5)});
  Raw client(running.port());
  open(client, ask());
  CHECK(client.until("\n\n") == ": alive\n\n");
  CHECK(client.until("\n\n") == ": alive\n\n");
  Raw head(running.port());
  REQUIRE(head.send("HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  CHECK(head.until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK(head.closed());
}

TEST_CASE("only so many may follow, and who goes makes room") {
  Running running(Options{.readers_max = 2});
  Raw first(running.port());
  open(first, ask());
  {
    Raw second(running.port());
    open(second, ask());
    Raw third(running.port());
    REQUIRE(third.send(ask()));
    CHECK(third.answer().starts_with("HTTP/1.1 503"));
    // The other pages are still answered.
    Raw page(running.port());
    REQUIRE(page.send(ask({}, "/livez")));
    CHECK(page.answer().starts_with("HTTP/1.1 200"));
  }
  // The server notices the end of the second by itself, without an event to send.
  for (;;) {
    Raw again(running.port());
    REQUIRE(again.send(ask()));
    const std::string head = again.until("\r\n\r\n");
    if (head.starts_with("HTTP/1.1 200")) break;
    REQUIRE(head.starts_with("HTTP/1.1 503"));
  }
}

TEST_CASE("who does not take what it is sent is cut off and counted; others do not notice") {
  Running running(Options{.deadline = std::chrono::milliseconds(100)});
  Raw slow(running.port());
  open(slow, ask());
  Raw quick(running.port());
  open(quick, ask());
  const std::string long_text(1000, 'x');
  std::uint64_t sent = 0;
  // Until the kernel's buffers are full and the deadline has passed.
  while (running.cut() == 0) {
    for (int i = 0; i < 50; ++i) {
      running.emit(events::ReloadFailed{.reason = long_text});
      ++sent;
    }
    while (quick.until("\n\n").find("id: b-" + std::to_string(sent) + "\n") == std::string::npos) {
    }
  }
  CHECK(running.cut() == 1);
  running.emit(events::Reloaded{.chains = 1});
  CHECK(quick.until("\n\n").find("event: reloaded") != std::string::npos);
}

TEST_CASE("the server's end is the streams' end") {
  std::vector<Raw> clients;
  {
    Running running;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(running.port());
      open(clients.back(), ask());
    }
  }
  for (auto& client : clients) CHECK(client.until("\n\n").empty());
}
