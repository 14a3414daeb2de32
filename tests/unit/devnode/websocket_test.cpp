// SPDX-License-Identifier: Apache-2.0
#include "raw_client.hpp"

namespace sluice::devnode {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// A WebSocket client made by hand: small masked text frames out, whole messages in.
class WsClient {
 public:
  explicit WsClient(std::uint16_t port) : raw(port) {
    raw.send(
        "GET / HTTP/1.1\r\nHost: n\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    const std::string head = raw.until("\r\n\r\n");
    REQUIRE(head.starts_with("HTTP/1.1 101 "));
    REQUIRE(has(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  }
  void send(std::string_view text) {
    REQUIRE(text.size() < 65536);
    std::string frame = "\x81";
    if (text.size() < 126) {
      frame += static_cast<char>(0x80U | text.size());
    } else {
      frame += static_cast<char>(0x80 | 126);
      frame += static_cast<char>(text.size() >> 8U);
      frame += static_cast<char>(text.size() & 0xffU);
    }
    frame.append(4, '\0');  // a mask of zeros leaves the text as it is
    raw.send(frame.append(text));
  }
  std::string message() {
    std::string text;
    for (;;) {
      const std::string head = raw.take(2);
      std::uint64_t length = static_cast<std::uint8_t>(head[1]);
      if (length >= 126) {
        const std::string bytes = raw.take(length == 126 ? 2 : 8);
        length = 0;
        for (const char c : bytes) length = (length << 8U) | static_cast<std::uint8_t>(c);
      }
      text += raw.take(length);
      if ((static_cast<std::uint8_t>(head[0]) & 0x80U) != 0) return text;
    }
  }
  std::string ask(std::string_view text) {
    send(text);
    return message();
  }

  RawClient raw;
};

constexpr std::string_view kCall = R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]})";
constexpr std::string_view kAnswer = R"({"jsonrpc":"2.0","id":1,"result":"0x7a69"})";

}  // namespace

TEST_CASE("calls, batches and large replies over WebSocket") {
  RunningServer node;
  WsClient client(node.server.port());
  CHECK(client.ask(kCall) == kAnswer);
  CHECK(client.ask("[" + std::string(kCall) + "]") == "[" + std::string(kAnswer) + "]");
  CHECK(has(client.ask("{"), "parse error"));
  const std::string large = client.ask(R"({"id":1,"method":"test_size","params":[3000000]})");
  CHECK(large.size() == 3'000'036);
  CHECK(large.ends_with("x\"}"));
  CHECK(has(node.server.stats_json(), R"("websocket_messages":4)"));
}

TEST_CASE("heads and logs are pushed block by block, after the reply that names the subscription") {
  RunningServer node;
  WsClient client(node.server.port());
  CHECK(has(client.ask(R"({"id":1,"method":"eth_subscribe","params":["newHeads"]})"),
            R"("result":"0x1")"));
  node.server.mine(2);
  for (const std::string_view number : {R"("number":"0x401")", R"("number":"0x402")"}) {
    const std::string event = client.message();
    CHECK(event.starts_with(
        R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":{)"));
    CHECK(has(event, number));
  }
  CHECK(has(client.ask(R"({"id":2,"method":"eth_unsubscribe","params":["0x1"]})"), "true"));
  CHECK(has(client.ask(R"({"id":3,"method":"eth_subscribe","params":["logs",{}]})"),
            R"("result":"0x2")"));
  node.server.mine(8);
  const std::string log = client.message();
  CHECK(has(log, R"("subscription":"0x2","result":{"address":)"));
  CHECK(has(log, R"("removed":false)"));
}

TEST_CASE("a subscriber of a node that lags sees its heads late") {
  RunningServer node;
  WsClient client(node.server.port());
  node.faults(R"({"lag_blocks":3})");
  client.ask(R"({"id":1,"method":"eth_subscribe","params":["newHeads"]})");
  node.server.mine(1);
  CHECK(has(client.message(), R"("number":"0x3fe")"));
  node.faults("{}");
  CHECK(has(client.message(), R"("number":"0x3ff")"));
}

TEST_CASE("sent transactions are pushed to every session of every thread") {
  RunningServer node({.block_interval = Duration{0}, .threads = 2});
  WsClient one(node.server.port());
  WsClient two(node.server.port());
  constexpr std::string_view kSubscribe =
      R"({"id":1,"method":"eth_subscribe","params":["newPendingTransactions"]})";
  one.ask(kSubscribe);
  two.ask(kSubscribe);
  RawClient sender(node.server.port());
  const std::string hash = sender.ask(kSend).substr(33, 68);
  CHECK(has(one.message(), R"("result":)" + hash));
  CHECK(has(two.message(), R"("result":)" + hash));
}

TEST_CASE("a slow call does not hold up the next on the same socket") {
  RunningServer node;
  WsClient client(node.server.port());
  client.send(R"({"id":1,"method":"test_sleep","params":[50]})");
  client.send(R"({"id":2,"method":"eth_accounts"})");
  CHECK(has(client.message(), R"("id":2)"));
  CHECK(has(client.message(), R"("id":1)"));
}

TEST_CASE("faults over WebSocket") {
  RunningServer node;
  {
    WsClient client(node.server.port());
    node.faults(R"({"rate_limit_429":1})");
    CHECK(client.ask(kCall) ==
          R"({"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"rate limit exceeded"}})");
    node.faults(R"({"garbage":"html"})");
    CHECK(client.ask(kCall).starts_with("<!DOCTYPE"));
    node.faults(R"({"hang":1,"methods":["eth_chainId"]})");
    client.send(kCall);
    CHECK(has(client.ask(R"({"id":5,"method":"eth_accounts"})"), R"("id":5)"));
    node.faults(R"({"disconnect":1})");
    client.send(kCall);
    CHECK(client.raw.rest().empty());
  }
  node.faults(R"({"truncate":1})");
  WsClient client(node.server.port());
  client.send(kCall);
  const std::string cut = client.raw.rest();
  CHECK(cut.size() > 4);
  CHECK(cut.substr(4) == kAnswer.substr(0, kAnswer.size() / 2));
  while (!has(node.server.stats_json(), R"("open":1)") &&
         !has(node.server.stats_json(), R"("open":0)")) {
    std::this_thread::yield();
  }
}

}  // namespace sluice::devnode
