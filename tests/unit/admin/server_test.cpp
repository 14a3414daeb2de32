// SPDX-License-Identifier: Apache-2.0
#include "admin/server.hpp"

#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "unit/admin/admin_fixture.hpp"

using namespace sluice::admin;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string request(std::string_view line, std::string_view fields = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

bool has(std::string_view all, std::string_view part) {
  return all.find(part) != std::string_view::npos;
}

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}

}  // namespace

TEST_CASE("a page over the wire, kept alive and pipelined") {
  Running server;
  Raw client(server.port());
  REQUIRE(client.send(request("GET /metrics")));
  const std::string got = client.answer();
  CHECK(status_of(got) == "HTTP/1.1 200 OK");
  CHECK(got.ends_with("\r\n\r\nsluice_up 1\n"));
  CHECK(has(got, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(has(got, "\r\nX-Content-Type-Options: nosniff\r\n"));
  CHECK(has(got, "\r\nCache-Control: no-store\r\n"));
  CHECK(has(got, "\r\nDate: "));
  CHECK(!has(got, "Access-Control"));
  REQUIRE(client.send(request("GET /livez") + request("GET /nothing") + request("GET /readyz")));
  CHECK(client.answer().ends_with("\r\n\r\nok\n"));
  CHECK(status_of(client.answer()) == "HTTP/1.1 404 Not Found");
  CHECK(client.answer().ends_with("\r\n\r\nok\n"));
}

TEST_CASE("HEAD is GET without the body") {
  Running server;
  Raw client(server.port());
  REQUIRE(client.send(request("HEAD /metrics")));
  const std::string got = client.answer(true);
  CHECK(status_of(got) == "HTTP/1.1 200 OK");
  CHECK(has(got, "\r\nContent-Length: 12\r\n"));
  CHECK(got.ends_with("\r\n\r\n"));
  REQUIRE(client.send(request("GET /livez")));
  CHECK(status_of(client.answer()) == "HTTP/1.1 200 OK");
}

TEST_CASE("a head that comes byte by byte is a head") {
  Running server;
  Raw client(server.port());
  for (const char c : request("GET /livez")) REQUIRE(client.send(std::string_view(&c, 1)));
  CHECK(status_of(client.answer()) == "HTTP/1.1 200 OK");
}

TEST_CASE("what is refused, how, and whether the connection goes on") {
  const std::string big(9000, 'x');
  const std::string many(100'000, 'y');
  struct Row {
    const char* name;
    std::string bytes;
    const char* status;
    bool closes;
  };
  const std::vector<Row> rows = {
      {"method", request("POST /metrics", "Content-Length: 0\r\n"),
       "HTTP/1.1 405 Method Not Allowed", false},
      {"unknown method", request("BREW /"), "HTTP/1.1 405 Method Not Allowed", false},
      {"preflight", request("OPTIONS /metrics", "Origin: http://evil.example\r\n"),
       "HTTP/1.1 405 Method Not Allowed", false},
      {"body", request("GET /metrics", "Content-Length: 5\r\n") + "hello",
       "HTTP/1.1 413 Payload Too Large", true},
      {"large body", request("POST /metrics", "Content-Length: 100000\r\n") + many,
       "HTTP/1.1 413 Payload Too Large", true},
      {"chunked", request("GET /metrics", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n",
       "HTTP/1.1 413 Payload Too Large", true},
      {"expect", request("POST /", "Expect: 100-continue\r\nContent-Length: 5\r\n"),
       "HTTP/1.1 413 Payload Too Large", true},
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400 Bad Request", true},
      {"folded", request("GET /", "A: b\r\n c: d\r\nContent-Length: x\r\n"),
       "HTTP/1.1 400 Bad Request", true},
      {"large field", request("GET /", "X: " + big + "\r\n"),
       "HTTP/1.1 431 Request Header Fields Too Large", true},
      {"endless field", "GET / HTTP/1.1\r\nX: " + many,
       "HTTP/1.1 431 Request Header Fields Too Large", true},
      {"large target", request("GET /" + big), "HTTP/1.1 431 Request Header Fields Too Large",
       true},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request", true},
      {"two hosts", request("GET /", "Host: localhost\r\n"), "HTTP/1.1 400 Bad Request", true},
      {"foreign host", "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
       "HTTP/1.1 403 Forbidden", true},
      {"asked to close", request("GET /livez", "Connection: close\r\n"), "HTTP/1.1 200 OK", true},
      {"HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", true},
      {"a page that throws", request("GET /status"), "HTTP/1.1 500 Internal Server Error", false},
  };
  Running server;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Raw client(server.port());
    client.send(row.bytes);
    const std::string got = client.answer();
    CHECK(status_of(got) == row.status);
    CHECK(!has(got, "secret"));
    CHECK(has(got, "Allow: GET, HEAD") == has(row.status, "405"));
    CHECK(!has(got, "Access-Control"));
    if (row.closes) {
      client.finish_sending();
      CHECK(client.closed());
    } else {
      REQUIRE(client.send(request("GET /livez")));
      CHECK(status_of(client.answer()) == "HTTP/1.1 200 OK");
    }
  }
}

TEST_CASE("a head that does not come in time is cut, however it drips") {
  Options options;
  options.deadline = milliseconds(100);
  Running server(options);
  Raw silent(server.port());
  Raw slow(server.port());
  CHECK(silent.closed());
  bool cut = false;
  // A byte every few milliseconds, for far longer than the deadline.
  for (int i = 0; i < 1000 && !cut; ++i) cut = !slow.send("G") || slow.closed_within(5);
  CHECK(cut);
}

TEST_CASE("a connection that stays idle is closed") {
  Options options;
  options.idle = milliseconds(50);
  Running server(options);
  Raw client(server.port());
  REQUIRE(client.send(request("GET /livez")));
  CHECK(status_of(client.answer()) == "HTTP/1.1 200 OK");
  CHECK(client.closed());
}

TEST_CASE("a second head has a deadline of its own, from its first byte") {
  Options options;
  options.deadline = milliseconds(100);
  options.idle = seconds(60);
  Running server(options);
  Raw client(server.port());
  REQUIRE(client.send(request("GET /livez")));
  CHECK(status_of(client.answer()) == "HTTP/1.1 200 OK");
  CHECK(!client.closed_within(150));  // longer than the deadline, which is not for idling
  REQUIRE(client.send("GET /li"));
  CHECK(client.closed());
}

TEST_CASE("a reader that does not read its answer is cut") {
  Options options;
  options.deadline = milliseconds(100);
  Handlers pages = handlers();
  std::promise<void> asked;
  pages.metrics = [&asked] {
    asked.set_value();
    return std::string(64U << 20, 'x');
  };
  Running server(options, pages);
  Raw client(server.port());
  REQUIRE(client.send(request("GET /metrics")));
  asked.get_future().wait();
  while (server.on_thread([](Server& s) { return s.connections(); }) > 0) {
  }
  CHECK(client.answer().empty());
}

TEST_CASE("the longest idle connection makes room for a new one") {
  Options options;
  options.connections_max = 3;
  options.deadline = seconds(60);
  Running server(options);
  std::vector<Raw> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    REQUIRE(clients.back().send(request("GET /livez")));
    CHECK(status_of(clients.back().answer()) == "HTTP/1.1 200 OK");
  }
  REQUIRE(clients[0].send(request("GET /livez")));  // the first is now the freshest
  CHECK(status_of(clients[0].answer()) == "HTTP/1.1 200 OK");
  Raw half(server.port());
  REQUIRE(half.send("GET /li"));
  CHECK(clients[1].closed());
  Raw another(server.port());
  REQUIRE(another.send(request("GET /livez")));
  CHECK(status_of(another.answer()) == "HTTP/1.1 200 OK");
  CHECK(clients[2].closed());
  CHECK(server.on_thread([](Server& s) { return s.connections(); }) == 3);
  REQUIRE(clients[0].send(request("GET /livez")));
  CHECK(status_of(clients[0].answer()) == "HTTP/1.1 200 OK");
}

TEST_CASE("slow heads on every connection do not keep a scrape out") {
  Options options;
  options.connections_max = 8;
  options.deadline = seconds(60);
  Running server(options);
  std::vector<Raw> slow;
  for (int i = 0; i < 20; ++i) {
    slow.emplace_back(server.port());
    slow.back().send("GET /metrics HTTP/1.1\r\n");
  }
  Raw scrape(server.port());
  REQUIRE(scrape.send(request("GET /metrics")));
  CHECK(status_of(scrape.answer()) == "HTTP/1.1 200 OK");
}

TEST_CASE("binding takes the address before anything is answered") {
  asio::io_context io;
  Server first(io, {}, handlers());
  REQUIRE(first.bind(kLoopback).has_value());
  const std::uint16_t port = first.port();
  CHECK(port != 0);
  Server second(io, {}, handlers());
  const auto taken = second.bind({asio::ip::address_v4::loopback(), port});
  REQUIRE(!taken.has_value());
  CHECK(taken.error().kind == sluice::ErrorKind::kIo);
  CHECK(has(taken.error().detail, "cannot listen on 127.0.0.1:" + std::to_string(port) + ": "));

  first.stop();
  REQUIRE(second.bind({asio::ip::address_v4::loopback(), port}).has_value());
  const auto nowhere = Server(io, {}, handlers()).bind({asio::ip::make_address("192.0.2.1"), 0});
  REQUIRE(!nowhere.has_value());
  CHECK(has(nowhere.error().detail, "192.0.2.1:0"));
}

TEST_CASE("an open port takes any Host name until a browser's page asks") {
  asio::io_context io;
  Server server(io, {}, handlers());
  REQUIRE(server.bind({asio::ip::address_v4::any(), 0}).has_value());
  server.start();
  std::thread thread([&io] { io.run(); });
  {
    Raw client(server.port());
    REQUIRE(client.send("GET /livez HTTP/1.1\r\nHost: sluice:9464\r\n\r\n"));
    CHECK(status_of(client.answer()) == "HTTP/1.1 200 OK");
    REQUIRE(client.send(
        "GET /livez HTTP/1.1\r\nHost: sluice:9464\r\nOrigin: http://evil.example\r\n\r\n"));
    CHECK(status_of(client.answer()) == "HTTP/1.1 403 Forbidden");
  }
  asio::post(io, [&server] { server.stop(); });
  thread.join();  // with the server stopped, nothing is left for the loop to wait on
}

TEST_CASE("a server may end before its loop, and its loop before it ends") {
  std::optional<asio::io_context> io(std::in_place, 1);
  {
    Server server(*io, {}, handlers());
    REQUIRE(server.bind(kLoopback).has_value());
    server.start();
    Raw client(server.port());
    io->poll();
    CHECK(server.connections() == 1);
  }
  io->run();  // ends: nothing is left
  io->restart();
  {
    Handlers with_events = handlers();
    with_events.events =
        std::make_shared<sluice::events::Hub>(*io, sluice::events::Hub::Options{}, 1);
    Server server(*io, {}, with_events);
    REQUIRE(server.bind(kLoopback).has_value());
    server.start();
    Raw client(server.port());
    Raw reader(server.port());
    REQUIRE(reader.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    io->poll();
  }
  io.reset();  // destroys what was still suspended
}
