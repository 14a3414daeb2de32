// SPDX-License-Identifier: Apache-2.0
#include "devnode/server.hpp"

#include <stdexcept>

#include "raw_client.hpp"

namespace sluice::devnode {
namespace {

constexpr std::string_view kCall = R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]})";
constexpr std::string_view kAnswer = R"({"jsonrpc":"2.0","id":1,"result":"0x7a69"})";

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("one connection carries many requests, pipelined or not") {
  RunningServer node;
  RawClient client(node.server.port());
  CHECK(client.ask(kCall) == kAnswer);
  CHECK(client.ask(kCall, "/any/path?key=1") == kAnswer);
  client.send(post_text(kCall) + post_text("[]") + post_text(kCall));
  CHECK(client.body() == kAnswer);
  CHECK(has(client.body(), "empty batch"));
  CHECK(client.body() == kAnswer);
  for (const char c : post_text(kCall)) client.send({&c, 1});
  CHECK(client.body() == kAnswer);
  CHECK(client.ask(R"({"method":"eth_chainId"})").empty());
  CHECK(has(client.head, "HTTP/1.1 200 OK"));
}

TEST_CASE("what HTTP asks for beside calls") {
  RunningServer node;
  struct Case {
    std::string_view name;
    std::string request;
    std::string_view status;
  };
  const Case cases[] = {
      {"health", "GET / HTTP/1.1\r\nHost: n\r\n\r\n", "HTTP/1.1 200 "},
      {"put", post_text(kCall, "/", "PUT"), "HTTP/1.1 405 "},
      {"type",
       "POST / HTTP/1.1\r\nHost: n\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
       "HTTP/1.1 415 "},
      {"malformed", "POST\r\n\r\n", "HTTP/1.1 400 "},
      {"dev path", post_text("", "/_dev/nope"), "HTTP/1.1 404 "},
      {"dev method", post_text("", "/_dev/mine", "PUT"), "HTTP/1.1 405 "},
      {"dev body", post_text("{", "/_dev/faults"), "HTTP/1.1 400 "},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    RawClient client(node.server.port());
    client.send(c.request);
    client.body();
    CHECK(client.head.starts_with(c.status));
  }
  RawClient closing(node.server.port());
  closing.send(post_text(kCall, "/", "POST", "Connection: close\r\n"));
  CHECK(has(closing.rest(), "Connection: close\r\n"));
  RawClient old(node.server.port());
  old.send("POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n");
  old.send(kCall);
  CHECK(has(old.rest(), kAnswer));
  RawClient expecting(node.server.port());
  const std::string request = post_text(kCall, "/", "POST", "Expect: 100-continue\r\n");
  const std::size_t head = request.find("\r\n\r\n") + 4;
  expecting.send(request.substr(0, head));
  CHECK(expecting.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  expecting.send(request.substr(head));
  CHECK(expecting.body() == kAnswer);
}

TEST_CASE("large replies stream, by length and in chunks") {
  RunningServer node;
  RawClient client(node.server.port());
  constexpr std::size_t kSize = 3'000'000;
  const std::string sized = client.ask(R"({"id":1,"method":"test_size","params":[3000000]})");
  CHECK(sized.size() == kSize + 36);
  CHECK(sized.ends_with("xx\"}"));
  client.send(post_text(R"({"id":1,"method":"test_size","params":[3000000,"chunked"]})"));
  CHECK(has(client.until("\r\n\r\n"), "Transfer-Encoding: chunked"));
  std::string text;
  for (;;) {
    const std::size_t size = std::stoul(client.until("\r\n"), nullptr, 16);
    text += client.take(size);
    client.take(2);
    if (size == 0) break;
  }
  CHECK(text == sized);
  CHECK(client.ask(kCall) == kAnswer);
}

TEST_CASE("two servers of one seed agree, whenever each was started") {
  double clock = static_cast<double>(kEpoch) + 5000.5;
  const Options options{.seed = 9, .threads = 2, .wall_clock = [&clock] { return clock; }};
  RunningServer one(options);
  RunningServer two(options);
  RawClient a(one.server.port());
  RawClient b(two.server.port());
  for (const std::string_view call :
       {R"({"id":1,"method":"eth_getBlockByNumber","params":["latest",true]})",
        R"({"id":1,"method":"eth_getBlockReceipts","params":["0x100"]})",
        R"({"id":1,"method":"eth_call","params":[{"data":"0x12345678"},"latest"]})"}) {
    INFO(call);
    const std::string answer = a.ask(call);
    CHECK(has(answer, "\"result\":"));
    CHECK(answer == b.ask(call));
  }
  CHECK(one.server.head() == 1024 + 5000);
}

TEST_CASE("nodes with a common mempool know each other's transactions") {
  const auto mempool = std::make_shared<Mempool>();
  const Options options{.block_interval = Duration{0}, .mempool = mempool};
  RunningServer one(options);
  RunningServer two(options);
  RunningServer stranger;
  const std::string hash = RawClient(one.server.port()).ask(kSend).substr(34, 66);
  const std::string query =
      R"({"id":1,"method":"eth_getTransactionByHash","params":[")" + hash + "\"]}";
  CHECK(has(RawClient(two.server.port()).ask(query), "\"blockHash\":null"));
  CHECK(has(RawClient(stranger.server.port()).ask(query), "\"result\":null"));
}

TEST_CASE("the controls: faults, mining, statistics") {
  RunningServer node({.block_interval = Duration{0}, .name = "alpha"});
  RawClient client(node.server.port());
  CHECK(client.ask(R"({"n":3})", "/_dev/mine") == R"({"head":1027})");
  CHECK(client.ask("", "/_dev/mine") == R"({"head":1028})");
  CHECK(client.ask(R"({"lag_blocks":8})", "/_dev/faults") == R"({"lag_blocks":8})");
  CHECK(has(client.ask(R"({"id":1,"method":"eth_blockNumber"})"), "0x3fc"));
  client.send(post_text("", "/_dev/faults", "DELETE"));
  CHECK(client.body() == "{}");
  client.send(post_text("", "/_dev/faults", "GET"));
  CHECK(client.body() == "{}");
  client.send(post_text("", "/_dev/stats", "GET"));
  const std::string stats = client.body();
  CHECK(has(stats, R"("name":"alpha","head":1028)"));
  CHECK(has(stats, R"("connections":{"accepted":1,"open":1})"));
  CHECK(has(stats, R"("requests":{"eth_blockNumber":1})"));
  CHECK(has(stats, R"(\u000d\u000a\u000d\u000a{\"id\":1,\"method\":\"eth_blockNumber\"}")"));
  CHECK(has(client.ask(R"({"hang":7})", "/_dev/faults"), R"({"error":"bad value of hang"})"));
}

TEST_CASE("addresses that cannot be listened on are refused") {
  for (const std::string_view listen : {"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "host:1",
                                        "127.0.0.1:", "198.51.100.1:0"}) {
    INFO(listen);
    CHECK_THROWS_AS(Server({.listen = std::string(listen)}), std::runtime_error);
  }
}

TEST_CASE("a server that was stopped before it ran does not run") {
  Server server({});
  server.stop();
  server.run();
  SUCCEED();
}

}  // namespace sluice::devnode
