// SPDX-License-Identifier: Apache-2.0
#include "devnode/engine.hpp"

#include "engine_fixture.hpp"

namespace sluice::devnode {

TEST_CASE("envelopes: ids come back byte for byte, malformed requests have geth's answers") {
  EngineFixture n;
  struct Case {
    std::string_view name;
    std::string_view body;
    std::string_view reply;
  };
  constexpr std::string_view kParseError =
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}})";
  constexpr std::string_view kInvalid =
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}})";
  const Case cases[] = {
      {"big id", R"({"id":123456789012345678901234567890,"method":"eth_syncing"})",
       R"({"jsonrpc":"2.0","id":123456789012345678901234567890,"result":false})"},
      {"escaped id", R"({"method":"eth_syncing","id" : "\u0041/\/" })",
       R"({"jsonrpc":"2.0","id":"\u0041/\/","result":false})"},
      {"fraction", R"({"id":1.50e3,"method":"eth_syncing"})",
       R"({"jsonrpc":"2.0","id":1.50e3,"result":false})"},
      {"null id", R"({"id":null,"method":"eth_syncing"})",
       R"({"jsonrpc":"2.0","id":null,"result":false})"},
      {"object id", R"({"id":{"a":[1, 2]} ,"method":"eth_syncing"})",
       R"({"jsonrpc":"2.0","id":{"a":[1, 2]},"result":false})"},
      {"escaped method", R"({"id":1,"method":"eth\u005fsyncing"})",
       R"({"jsonrpc":"2.0","id":1,"result":false})"},
      {"batch of one", R"([{"id":1,"method":"eth_syncing"}])",
       R"([{"jsonrpc":"2.0","id":1,"result":false}])"},
      {"batch in order", R"([{"id":2,"method":"eth_syncing"} , {"id":1,"method":"eth_accounts"}])",
       R"([{"jsonrpc":"2.0","id":2,"result":false},{"jsonrpc":"2.0","id":1,"result":[]}])"},
      {"notification", R"({"method":"eth_syncing"})", ""},
      {"only notifications", R"([{"method":"eth_syncing"},{"method":"nope"}])", ""},
      {"mixed batch",
       R"([{"method":"eth_syncing"},{"id":1,"method":"eth_accounts"},{"method":"eth_syncing"}])",
       R"([{"jsonrpc":"2.0","id":1,"result":[]}])"},
      {"empty batch", "[]",
       R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"empty batch"}})"},
      {"empty body", "", kParseError},
      {"cut", R"({"id":1,"method":"eth_syncing")", kParseError},
      {"tail", R"({"id":1,"method":"eth_syncing"} x)", kParseError},
      {"bad utf-8", "{\"id\":\"\xff\",\"method\":\"eth_syncing\"}", kParseError},
      {"scalar", "17", kInvalid},
      {"no method", R"({"jsonrpc":"2.0"})", kInvalid},
      {"numeric method", R"({"id":null,"method":1})", kInvalid},
      {"scalar in batch", "[1]",
       R"([{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}])"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(n.send(c.body) == c.reply);
  }
}

TEST_CASE("a batch above 1000 calls is refused with the first id") {
  EngineFixture n;
  std::string body = "[";
  for (int i = 0; i < 1001; ++i) body += R"({"id":7,"method":"eth_syncing"},)";
  body.back() = ']';
  CHECK(n.send(body) ==
        R"([{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"batch too large"}}])");
}

TEST_CASE("large filler is described, not built, except within a batch") {
  EngineFixture n;
  n.ask("test_size", R"([1073741824,"chunked"])");
  CHECK(n.reply.body == R"({"jsonrpc":"2.0","id":1,"result":")");
  CHECK(n.reply.fill == 1073741824);
  CHECK(n.reply.tail == "\"}");
  CHECK(n.reply.chunked);
  const std::string batch = n.send(R"([{"id":1,"method":"test_size","params":[70000]}])");
  CHECK(n.reply.fill == 0);
  CHECK(batch.size() > 70000);
  CHECK(
      n.send(R"([{"id":1,"method":"test_size","params":[99999999]}])").find("response too large") !=
      std::string::npos);
}

TEST_CASE("faults of the node's data") {
  struct Case {
    std::string_view faults;
    std::string_view method;
    std::string_view reply;
  };
  const Case cases[] = {
      {R"({"lag_blocks":4})", "eth_blockNumber", R"("result":"0x3fc"})"},
      {R"({"lag_blocks":4000})", "eth_blockNumber", R"("result":"0x0"})"},
      {R"({"frozen_head":1000})", "eth_blockNumber", R"("result":"0x3e8"})"},
      {R"({"frozen_head":true})", "eth_blockNumber", R"("result":"0x400"})"},
      {R"({"chain_id":1})", "eth_chainId", R"("result":"0x1"})"},
      {R"({"chain_id":1})", "net_version", R"("result":"1"})"},
      {R"({"syncing":{"currentBlock":"0x1"}})", "eth_syncing",
       R"("result":{"currentBlock":"0x1"}})"},
      {R"({"null_results":true})", "eth_chainId", R"("result":null})"},
      {R"({"null_results":true,"methods":["eth_call"]})", "eth_chainId", R"("result":"0x7a69"})"},
      {R"({"chain_id":1,"methods":["eth_call"]})", "eth_chainId", R"("result":"0x1"})"},
      {R"({"error":{"code":-32005,"message":"no","data":[1]}})", "eth_chainId",
       R"("error":{"code":-32005,"message":"no","data":[1]}})"},
      {R"({"error_ratio":0,"error":{"code":1}})", "eth_chainId", R"("result":"0x7a69"})"},
      {R"({"error_ratio":1,"methods":["eth_call"]})", "eth_chainId", R"("result":"0x7a69"})"},
      {R"({"garbage":"wrong_id"})", "eth_chainId",
       R"({"jsonrpc":"2.0","id":987654321,"result":"0x7a69"})"},
      {R"({"garbage":"no_id"})", "eth_chainId", R"({"jsonrpc":"2.0","result":"0x7a69"})"},
  };
  for (const Case& c : cases) {
    EngineFixture n;
    n.faults(c.faults);
    INFO(c.faults);
    CHECK(std::string_view(n.ask(c.method, "[]")).ends_with(c.reply));
    n.node.set_faults(Faults{});
    CHECK(n.ask("eth_blockNumber", "[]") == R"({"jsonrpc":"2.0","id":1,"result":"0x400"})");
  }
}

TEST_CASE("a frozen head stays while the chain goes on") {
  EngineFixture n;
  n.faults(R"({"frozen_head":true})");
  n.node.mine(5);
  CHECK(n.result("eth_blockNumber", "[]") == R"("0x400")");
  CHECK(n.result("eth_getBlockByNumber", R"(["0x401",false])") == "null");
  n.node.set_faults(Faults{});
  CHECK(n.result("eth_blockNumber", "[]") == R"("0x405")");
}

TEST_CASE("in a batch an injected error meets only the methods it names") {
  EngineFixture n;
  n.faults(R"({"error":{"message":"no"},"methods":["eth_accounts"]})");
  CHECK(
      n.send(R"([{"id":1,"method":"eth_syncing"},{"id":2,"method":"eth_accounts"}])") ==
      R"([{"jsonrpc":"2.0","id":1,"result":false},{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"no"}}])");
}

TEST_CASE("a refused request is not executed, a lost reply is") {
  constexpr std::string_view kFilter = "[]";
  for (const std::string_view refusing :
       {R"({"rate_limit_429":1})", R"({"error":{"http_status":503}})", R"({"error":{"code":1}})"}) {
    EngineFixture n;
    n.faults(refusing);
    INFO(refusing);
    n.ask("eth_newBlockFilter", kFilter);
    CHECK(n.node.filters().size() == 0);
  }
  for (const std::string_view losing :
       {R"({"hang":1})", R"({"disconnect":{"ratio":1,"stage":"before"}})", R"({"truncate":1})"}) {
    EngineFixture n;
    n.faults(losing);
    INFO(losing);
    n.ask("eth_newBlockFilter", kFilter);
    CHECK(n.node.filters().size() == 1);
  }
}

TEST_CASE("calls are counted by method, unknown ones by name") {
  EngineFixture n;
  n.send(R"([{"id":1,"method":"eth_chainId"},{"id":1,"method":"eth_chainId"},{"method":"x_y"},3])");
  std::vector<std::string_view> names;
  for (const Method& method : methods()) names.push_back(method.name);
  const Json stats(n.node.stats().to_json("", names));
  CHECK(simdjson::minify(stats.root()["requests"]) == R"({"eth_chainId":2,"x_y":1})");
  CHECK(stats.root()["calls"].get_uint64().value() == 4);
  CHECK(stats.root()["notifications"].get_uint64().value() == 1);
  n.node.stats().clear();
  CHECK(simdjson::minify(Json(n.node.stats().to_json("", names)).root()["requests"]) == "{}");
}

TEST_CASE("a call may say how long it takes") {
  EngineFixture n;
  n.faults(R"({"latency":4,"latency_by_method":{"eth_gasPrice":
      {"distribution":"asked","mean_ms":1,"factor":2}}})");
  struct Case {
    std::string_view params;
    int us;
  };
  for (const auto& [params, us] :
       {Case{R"([{"work_us":1500}])", 3000}, Case{R"(["0x1",{"a":1,"work_us":20}])", 40},
        Case{R"([{"work_us":20},"0x1"])", 2000}, Case{R"([{"work_us":-5}])", 2000},
        Case{R"([{"work_us":1.5}])", 2000}, Case{R"([{"work_us":5000000000}])", 2000},
        Case{R"([{}])", 2000}, Case{"[]", 2000}, Case{"null", 2000}}) {
    INFO(params);
    n.ask("eth_gasPrice", params);
    CHECK(n.verdict.latency == std::chrono::microseconds(us));
  }
  n.ask("eth_blockNumber", R"([{"work_us":1500}])");
  CHECK(n.verdict.latency == std::chrono::milliseconds(4));
}

TEST_CASE("a node with so many workers lets the other calls wait their turn") {
  EngineFixture f;
  const TimePoint t0 = TimePoint(std::chrono::hours(1));
  using std::chrono::milliseconds;
  CHECK(f.node.take_turn(milliseconds(10), 2, t0) == milliseconds(10));
  CHECK(f.node.take_turn(milliseconds(30), 2, t0) == milliseconds(30));
  // Both are at work: the third begins when the first ends, the fourth after that.
  CHECK(f.node.take_turn(milliseconds(5), 2, t0 + milliseconds(1)) == milliseconds(14));
  CHECK(f.node.take_turn(milliseconds(5), 2, t0 + milliseconds(1)) == milliseconds(19));
  CHECK(f.node.take_turn(milliseconds(5), 2, t0 + milliseconds(50)) == milliseconds(5));
}

}  // namespace sluice::devnode
