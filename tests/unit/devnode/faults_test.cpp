// SPDX-License-Identifier: Apache-2.0
#include "devnode/faults.hpp"

#include <algorithm>
#include <vector>

#include "devnode/wire.hpp"
#include "support/catch.hpp"

namespace sluice::devnode {
namespace {

constexpr std::string_view kBody = R"({"jsonrpc":"2.0","id":1,"result":"0x1"})";

Wire composed(std::string_view faults, bool chunked = false) {
  auto parsed = Faults::parse(faults, 0);
  REQUIRE(parsed.has_value());
  Random random(1);
  Reply reply;
  reply.body = kBody;
  reply.chunked = chunked;
  Wire wire;
  compose({}, reply, parsed->decide("", random), wire);
  return wire;
}

std::string body_of(const Wire& wire) {
  return wire.bytes.substr(wire.head);
}

bool head_has(const Wire& wire, std::string_view line) {
  return wire.bytes.substr(0, wire.head).find("\r\n" + std::string(line) + "\r\n") !=
         std::string::npos;
}

}  // namespace

TEST_CASE("fault sets with a mistake are refused, and the key is named") {
  const std::string_view cases[][2] = {
      {"[]", "not a JSON object"},
      {"{", "not a JSON object"},
      {R"({"latencyy":1})", "unknown key: latencyy"},
      {R"({"latency":-1})", "bad value of latency"},
      {R"({"latency":{"mean":1}})", "bad value of latency"},
      {R"({"latency":{"distribution":"normal"}})", "bad value of latency"},
      {R"({"latency":{"factor":-1}})", "bad value of latency"},
      {R"({"latency":{"factor":1e9}})", "bad value of latency"},
      {R"({"hang":1.5})", "bad value of hang"},
      {R"({"hang":"yes"})", "bad value of hang"},
      {R"({"error":{"http_status":200}})", "bad value of error"},
      {R"({"garbage":"xml"})", "bad value of garbage"},
      {R"({"disconnect":{"stage":"after"}})", "bad value of disconnect"},
      {R"({"bad_framing":{"ratio":2}})", "bad value of bad_framing"},
      {R"({"frozen_head":-1})", "bad value of frozen_head"},
      {R"({"methods":[1]})", "bad value of methods"},
      {R"({"close_idle":1e9})", "bad value of close_idle"},
  };
  for (const auto& [json, error] : cases) {
    INFO(json);
    const auto faults = Faults::parse(json, 0);
    REQUIRE_FALSE(faults.has_value());
    CHECK(faults.error().detail == error);
  }
}

TEST_CASE("every key is read") {
  const auto faults = Faults::parse(
      R"({"latency":{"min_ms":1,"mean_ms":5,"p99_ms":9,"distribution":"lognormal","tail_ratio":0.1,"tail_ms":50},
          "latency_by_method":{"eth_call":{"mean_ms":3},"eth_getLogs":80},"workers":4,
          "error_ratio":0.5,"error":{"code":-1,"message":"m","data":{"a":1},"http_status":502},
          "rate_limit_429":0.25,"retry_after":7,"hang":0.125,"disconnect":{"ratio":0.5,"stage":"mid_head"},
          "truncate":1,"garbage":"html","bad_framing":{"ratio":0.5,"kind":"http09"},"slow_body":10,
          "close_idle":20,"close_after_reply":3,"frozen_head":true,"lag_blocks":2,"chain_id":5,
          "syncing":{"currentBlock":"0x1"},"state_history":128,"null_results":true,"methods":["a","b"]})",
      99);
  REQUIRE(faults.has_value());
  CHECK(faults->latency.shape == Latency::Shape::kLognormal);
  CHECK(faults->latency.p99_ms == 9);
  CHECK(faults->latency.tail_ms == 50);
  REQUIRE(faults->latency_by_method.size() == 2);
  CHECK(faults->latency_by_method.at("eth_call").mean_ms == 3);
  CHECK(faults->latency_by_method.at("eth_getLogs").mean_ms == 80);
  CHECK(faults->workers == 4);
  CHECK(faults->error_ratio == 0.5);
  CHECK(faults->error_data == R"({"a":1})");
  CHECK(faults->error_status == 502);
  CHECK(faults->rate_limit_429 == 0.25);
  CHECK(faults->retry_after == 7U);
  CHECK(faults->hang == 0.125);
  CHECK(faults->disconnect_stage == DisconnectStage::kMidHead);
  CHECK(faults->truncate == 1);
  CHECK(faults->garbage == Garbage::kHtml);
  CHECK(faults->garbage_ratio == 1);
  CHECK(faults->framing == Framing::kHttp09);
  CHECK(faults->framing_ratio == 0.5);
  CHECK(faults->slow_body == 10);
  CHECK(faults->close_idle == std::chrono::milliseconds(20));
  CHECK(faults->close_after_reply == 3);
  CHECK(faults->frozen_head == 99U);
  CHECK(faults->lag_blocks == 2);
  CHECK(faults->chain_id == 5U);
  CHECK(faults->syncing == R"({"currentBlock":"0x1"})");
  CHECK(faults->state_history == 128U);
  CHECK(faults->null_results == 1);
  CHECK(faults->covers("b"));
  CHECK_FALSE(faults->covers("c"));
}

TEST_CASE("a method's own latency is taken in place of the general one") {
  const auto faults =
      Faults::parse(R"({"latency":5,"latency_by_method":{"eth_getLogs":80}})", 0).value();
  Random random(1);
  CHECK(faults.decide("eth_getLogs", random).latency == std::chrono::milliseconds(80));
  CHECK(faults.decide("eth_call", random).latency == std::chrono::milliseconds(5));
  CHECK(faults.decide("", random).latency == std::chrono::milliseconds(5));
}

TEST_CASE("a latency's factor multiplies what was drawn or asked for") {
  const auto faults = Faults::parse(R"({"latency":{"mean_ms":5,"factor":3},
          "latency_by_method":{"eth_call":{"distribution":"asked","mean_ms":7,"factor":2}}})",
                                    0)
                          .value();
  Random random(1);
  using std::chrono::milliseconds;
  CHECK(faults.decide("eth_getLogs", random, milliseconds(40)).latency == milliseconds(15));
  CHECK(faults.decide("eth_call", random, milliseconds(40)).latency == milliseconds(80));
  CHECK(faults.decide("eth_call", random).latency == milliseconds(14));
}

TEST_CASE("latency has the mean and the tail that were asked for") {
  struct Case {
    std::string_view name;
    Latency latency;
    double mean;
    double p99;
  };
  const Case cases[] = {
      {"fixed", {.mean_ms = 20}, 20, 20},
      {"uniform", {.shape = Latency::Shape::kUniform, .min_ms = 10, .mean_ms = 20}, 20, 29.8},
      {"exponential", {.shape = Latency::Shape::kExponential, .min_ms = 5, .mean_ms = 20}, 20, 74},
      {"lognormal", {.shape = Latency::Shape::kLognormal, .mean_ms = 20, .p99_ms = 100}, 20, 100},
      {"tail", {.mean_ms = 10, .tail_ratio = 0.1, .tail_ms = 110}, 20, 110},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Random random(3);
    std::vector<double> ms;
    double total = 0;
    for (int i = 0; i < 40'000; ++i) {
      ms.push_back(1000 * seconds(c.latency.draw(random)));
      total += ms.back();
    }
    std::sort(ms.begin(), ms.end());
    CHECK(total / 40'000 == Approx(c.mean).epsilon(0.05));
    CHECK(ms[39'600] == Approx(c.p99).epsilon(0.1));
    CHECK(ms.front() >= c.latency.min_ms);
  }
}

TEST_CASE("faults strike at their ratio, the same way for the same seed") {
  const auto faults = Faults::parse(R"({"hang":0.2,"disconnect":0.1})", 0);
  REQUIRE(faults.has_value());
  Random one(5);
  Random two(5);
  int hangs = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Verdict a = faults->decide("", one);
    const Verdict b = faults->decide("", two);
    CHECK_FALSE(a.hang != b.hang);
    hangs += a.hang ? 1 : 0;
  }
  CHECK(hangs == Approx(2000).epsilon(0.1));
}

TEST_CASE("a sound reply on the wire") {
  const Wire wire = composed("{}");
  CHECK(wire.bytes.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
  CHECK(head_has(wire, "Content-Length: 39"));
  CHECK(body_of(wire) == kBody);
  CHECK_FALSE(wire.close_after);
  const Wire chunked = composed("{}", true);
  CHECK(head_has(chunked, "Transfer-Encoding: chunked"));
  CHECK_FALSE(head_has(chunked, "Content-Length: 39"));
  CHECK(body_of(chunked) == "27\r\n" + std::string(kBody) + "\r\n0\r\n\r\n");
}

TEST_CASE("replies that are wrong on the wire") {
  const Wire html = composed(R"({"garbage":"html"})");
  CHECK(head_has(html, "Content-Type: text/html"));
  CHECK(body_of(html).starts_with("<!DOCTYPE html>"));
  CHECK(head_has(html, "Content-Length: " + std::to_string(body_of(html).size())));
  const Wire empty = composed(R"({"garbage":"empty"})");
  CHECK(head_has(empty, "Content-Length: 0"));
  CHECK(body_of(empty).empty());
  const Wire bad_json = composed(R"({"garbage":"bad_json"})");
  CHECK(head_has(bad_json, "Content-Length: 19"));
  CHECK(body_of(bad_json) == kBody.substr(0, 19));
  const Wire extra = composed(R"({"garbage":"extra_bytes"})");
  CHECK(head_has(extra, "Content-Length: 39"));
  CHECK(body_of(extra).starts_with(kBody));
  CHECK(body_of(extra).size() > 39);

  const Wire cl_te = composed(R"({"bad_framing":"cl_te"})");
  CHECK(head_has(cl_te, "Content-Length: 39"));
  CHECK(head_has(cl_te, "Transfer-Encoding: chunked"));
  const Wire two_cl = composed(R"({"bad_framing":"two_cl"})");
  CHECK(head_has(two_cl, "Content-Length: 39"));
  CHECK(head_has(two_cl, "Content-Length: 40"));
  const Wire bad_chunk = composed(R"({"bad_framing":"bad_chunk"})");
  CHECK(head_has(bad_chunk, "Transfer-Encoding: chunked"));
  CHECK(body_of(bad_chunk).starts_with("zz\r\n"));
  const Wire http09 = composed(R"({"bad_framing":"http09"})");
  CHECK(http09.bytes == kBody);
  for (const Wire* wire : {&cl_te, &two_cl, &bad_chunk, &http09}) CHECK(wire->close_after);

  const Wire mid_head = composed(R"({"disconnect":{"ratio":1,"stage":"mid_head"}})");
  CHECK(mid_head.bytes.size() == mid_head.head / 2);
  for (const std::string_view cutting :
       {R"({"disconnect":{"ratio":1,"stage":"mid_body"}})", R"({"truncate":1})"}) {
    const Wire cut = composed(cutting);
    CHECK(head_has(cut, "Content-Length: 39"));
    CHECK(body_of(cut) == kBody.substr(0, 19));
    CHECK(cut.close_after);
  }
}

}  // namespace sluice::devnode
