// SPDX-License-Identifier: Apache-2.0
// The faults as a client meets them on the socket.
#include "raw_client.hpp"

namespace sluice::devnode {
namespace {

constexpr std::string_view kCall = R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]})";
constexpr std::string_view kAnswer = R"({"jsonrpc":"2.0","id":1,"result":"0x7a69"})";

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string whole_reply(std::uint16_t port) {
  RawClient client(port);
  client.send(post_text(kCall));
  return client.rest();
}

}  // namespace

TEST_CASE("replies that end with the connection") {
  RunningServer node;
  node.faults(R"({"disconnect":{"ratio":1,"stage":"before"}})");
  CHECK(whole_reply(node.server.port()).empty());
  node.faults(R"({"disconnect":{"ratio":1,"stage":"mid_head"}})");
  const std::string head = whole_reply(node.server.port());
  CHECK(head.starts_with("HTTP/1.1 200"));
  CHECK_FALSE(has(head, "\r\n\r\n"));
  node.faults(R"({"disconnect":{"ratio":1,"stage":"mid_body"}})");
  CHECK(has(whole_reply(node.server.port()), "\r\n\r\n{"));
  node.faults(R"({"truncate":1})");
  const std::string cut = whole_reply(node.server.port());
  CHECK(has(cut, "Content-Length: 42\r\n"));
  CHECK_FALSE(has(cut, kAnswer));
  node.faults(R"({"bad_framing":"http09"})");
  CHECK(whole_reply(node.server.port()) == kAnswer);
  node.faults(R"({"close_after_reply":2})");
  RawClient client(node.server.port());
  CHECK(client.ask(kCall) == kAnswer);
  client.send(post_text(kCall));
  const std::string last = client.rest();
  CHECK(has(last, kAnswer));
  CHECK_FALSE(has(last, "Connection: close"));
}

TEST_CASE("statuses") {
  RunningServer node;
  RawClient client(node.server.port());
  node.faults(R"({"rate_limit_429":1,"retry_after":7})");
  CHECK(has(client.ask(kCall), "rate limit"));
  CHECK(client.head.starts_with("HTTP/1.1 429 "));
  CHECK(has(client.head, "\r\nRetry-After: 7\r\n"));
  node.faults(R"({"error":{"http_status":503,"message":"overloaded"}})");
  CHECK(client.ask(kCall) == "overloaded\n");
  CHECK(client.head.starts_with("HTTP/1.1 503 "));
  node.faults(R"({"error":{"http_status":503},"methods":["eth_call"]})");
  CHECK(client.ask(kCall) == kAnswer);
}

TEST_CASE("a request that hangs is read and never answered, others are") {
  RunningServer node;
  node.faults(R"({"hang":1,"methods":["eth_chainId"]})");
  RawClient hung(node.server.port());
  hung.send(post_text(kCall));
  RawClient other(node.server.port());
  while (!has(node.server.stats_json(), R"("eth_chainId":1)")) std::this_thread::yield();
  CHECK(has(other.ask(R"({"id":1,"method":"eth_accounts"})"), "[]"));
  CHECK(hung.silent());
}

TEST_CASE("an idle connection is closed without a word, even one that was idle before") {
  RunningServer node;
  RawClient early(node.server.port());
  CHECK(early.ask(kCall) == kAnswer);
  node.faults(R"({"close_idle":5})");
  CHECK(early.rest().empty());
  RawClient late(node.server.port());
  CHECK(late.rest().empty());
}

TEST_CASE("latency and sleep hold a reply back") {
  RunningServer node;
  RawClient client(node.server.port());
  node.faults(R"({"latency":20})");
  const TimePoint start = now();
  CHECK(client.ask(kCall) == kAnswer);
  CHECK(now() - start >= std::chrono::milliseconds(20));
  node.faults("{}");
  const TimePoint again = now();
  client.ask(R"({"id":1,"method":"test_sleep","params":[15]})");
  CHECK(now() - again >= std::chrono::milliseconds(15));
}

TEST_CASE("a slow body comes whole, at its pace") {
  RunningServer node;
  RawClient client(node.server.port());
  node.faults(R"({"slow_body":1000})");
  const TimePoint start = now();
  CHECK(client.ask(kCall) == kAnswer);  // 42 bytes
  CHECK(now() - start >= std::chrono::milliseconds(40));
  CHECK(client.ask(kCall) == kAnswer);
}

TEST_CASE("bytes after a reply are sent with it") {
  RunningServer node;
  node.faults(R"({"garbage":"extra_bytes"})");
  RawClient client(node.server.port());
  CHECK(client.ask(kCall) == kAnswer);
  CHECK(has(client.until("{}"), "0xbad"));
}

TEST_CASE("a large reply can be cut too") {
  RunningServer node;
  node.faults(R"({"truncate":1})");
  RawClient client(node.server.port());
  client.send(post_text(R"({"id":1,"method":"test_size","params":[1000000]})"));
  const std::string reply = client.rest();
  CHECK(has(reply, "Content-Length: 1000036\r\n"));
  CHECK(reply.size() > 400'000);
  CHECK(reply.size() < 600'000);
}

TEST_CASE("the controls are out of reach of faults") {
  RunningServer node;
  node.faults(R"({"hang":1,"error_ratio":1,"disconnect":1,"bad_framing":"http09"})");
  RawClient client(node.server.port());
  CHECK(client.ask("{}", "/_dev/faults") == "{}");
  CHECK(client.ask(kCall) == kAnswer);
}

}  // namespace sluice::devnode
