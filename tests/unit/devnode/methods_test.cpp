// SPDX-License-Identifier: Apache-2.0
#include "devnode/methods.hpp"

#include "engine_fixture.hpp"
#include "raw_client.hpp"

namespace sluice::devnode {
namespace {

constexpr std::string_view kSomeone = R"("0x1111111111111111111111111111111111111111")";
constexpr std::string_view kNoHash =
    R"("0x00000000000000000000000000000000000000000000000000000000deadbeef")";

std::string with(std::string_view text, std::string_view word) {
  std::string out(text);
  const std::size_t at = out.find('$');
  return out.replace(at, 1, word);
}

}  // namespace

TEST_CASE("answers that are fixed by the chain's spec and head") {
  EngineFixture n;
  struct Case {
    std::string_view method;
    std::string_view params;
    std::string_view result;
  };
  const Case cases[] = {
      {"eth_chainId", "[]", R"("0x7a69")"},
      {"net_version", "[]", R"("31337")"},
      {"net_listening", "[]", "true"},
      {"net_peerCount", "[]", R"("0x19")"},
      {"web3_clientVersion", "[]", R"("sluice-devnode/v0.1.0/n1")"},
      {"web3_sha3", R"(["0x"])",
       R"("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")"},
      {"eth_syncing", "[]", "false"},
      {"eth_accounts", "[]", "[]"},
      {"eth_blockNumber", "[]", R"("0x400")"},
      {"eth_blockNumber", "null", R"("0x400")"},
      {"eth_maxPriorityFeePerGas", "[]", R"("0x5f5e100")"},
      {"eth_blobBaseFee", "[]", R"("0x1")"},
      {"eth_getUncleCountByBlockNumber", R"(["latest"])", R"("0x0")"},
      {"eth_getUncleCountByBlockNumber", R"(["0x401"])", "null"},
      {"eth_getUncleByBlockNumberAndIndex", R"(["latest","0x0"])", "null"},
      {"eth_getBlockByNumber", R"(["0x401",false])", "null"},
      {"eth_getBlockTransactionCountByNumber", R"(["0x401"])", "null"},
      {"eth_getBlockTransactionCountByNumber", R"(["earliest"])", R"("0x0")"},
      {"eth_getBlockReceipts", R"(["0x401"])", "null"},
      {"eth_getBlockReceipts", R"(["earliest"])", "[]"},
      {"eth_getTransactionByBlockNumberAndIndex", R"(["latest","0xffff"])", "null"},
      {"test_echo", R"([1, 2.50, {"a" : 1e999}])", R"([1, 2.50, {"a" : 1e999}])"},
      {"test_size", "[5]", R"("xxxxx")"},
      {"test_sleep", "[0]", "true"},
      {"eth_uninstallFilter", R"(["0x99"])", "false"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.method, c.params);
    CHECK(n.result(c.method, c.params) == c.result);
  }
}

TEST_CASE("errors have geth's codes and words") {
  EngineFixture n;
  struct Case {
    std::string_view method;
    std::string_view params;
    std::string_view error;
  };
  const Case cases[] = {
      {"eth_nope", "[]",
       R"({"code":-32601,"message":"the method eth_nope does not exist/is not available"})"},
      {"eth_call", "[]", R"({"code":-32602,"message":"missing value for required argument 0"})"},
      {"eth_chainId", R"({"a":1})", R"({"code":-32602,"message":"non-array args"})"},
      {"eth_getLogs", R"([{"fromBlock":"0x1","toBlock":"0x401"}])",
       R"({"code":-32602,"message":"block range extends beyond current head block"})"},
      {"eth_getLogs", R"([{"fromBlock":"0x2","toBlock":"0x1"}])",
       R"({"code":-32602,"message":"invalid block range params"})"},
      {"eth_getFilterChanges", R"(["0x1"])", R"({"code":-32000,"message":"filter not found"})"},
      {"eth_subscribe", R"(["newHeads"])",
       R"({"code":-32601,"message":"notifications not supported"})"},
      {"eth_getBalance", R"(["0x1111111111111111111111111111111111111111","0x401"])",
       R"({"code":-32000,"message":"header not found"})"},
      {"eth_sendRawTransaction", R"(["0x"])",
       R"({"code":-32000,"message":"typed transaction too short"})"},
      {"test_error", R"([-7,"it",{"a":1}])", R"({"code":-7,"message":"it","data":{"a":1}})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.method, c.params);
    CHECK(n.ask(c.method, c.params) ==
          R"({"jsonrpc":"2.0","id":1,"error":)" + std::string(c.error) + "}");
  }
  const std::string_view malformed[][2] = {
      {"eth_getBalance", R"(["0x1"])"},
      {"eth_getBlockByHash", R"(["latest"])"},
      {"eth_getBlockByNumber", R"(["12"])"},
      {"eth_getLogs", R"([{"address":"0x12"}])"},
      {"eth_getLogs", R"([{"topics":"0x12"}])"},
      {"eth_getTransactionByHash", R"(["0x12"])"},
      {"eth_call", R"(["x"])"},
      {"eth_getStorageAt", R"(["0x1111111111111111111111111111111111111111","z"])"},
      {"eth_getCode", R"(["0x1111111111111111111111111111111111111111",{}])"},
      {"test_size", R"(["x"])"},
      {"test_sleep", "[-1]"}};
  for (const auto& [method, params] : malformed) {
    CAPTURE(method, params);
    CHECK(n.ask(method, params).find(R"("code":-32602,"message":"invalid argument)") !=
          std::string::npos);
  }
}

TEST_CASE("a range of logs is capped") {
  Node node{ChainSpec{.interval = Duration{0}, .first_block = 50'000}, "", {}, nullptr};
  Engine engine{node, 1};
  Reply reply;
  const auto ask = [&](std::string_view from) {
    engine.handle(with(R"({"id":1,"method":"eth_getLogs","params":[{"fromBlock":"$"}]})", from),
                  nullptr, reply);
    return reply.body.find("exceed maximum block range: 10000") != std::string::npos;
  };
  CHECK_FALSE(ask("0x9c41"));  // 10000 blocks
  CHECK(ask("0x9c40"));
}

TEST_CASE("blocks link, and are found by number, hash and tag") {
  EngineFixture n;
  const Json head(n.result("eth_getBlockByNumber", R"(["latest",false])"));
  CHECK(head.text("number") == "0x400");
  const Json parent(n.result("eth_getBlockByHash", "[\"" + head.text("parentHash") + "\",false]"));
  CHECK(parent.text("number") == "0x3ff");
  CHECK(parent.text("hash") == head.text("parentHash"));
  CHECK(Json(n.result("eth_getBlockByNumber", R"(["safe",false])")).text("number") == "0x3e0");
  CHECK(Json(n.result("eth_getBlockByNumber", R"(["finalized",false])")).text("number") == "0x3c0");
  const Json genesis(n.result("eth_getBlockByNumber", R"(["earliest",true])"));
  CHECK(genesis.text("number") == "0x0");
  CHECK(genesis.text("parentHash") == "0x" + std::string(64, '0'));
  const Json pending(n.result("eth_getBlockByNumber", R"(["pending",false])"));
  CHECK(pending.text("number") == "0x401");
  CHECK(pending.text("parentHash") == head.text("hash"));
  CHECK(pending.is_null("hash"));
  n.node.mine(2);
  CHECK(Json(n.result("eth_getBlockByNumber", R"(["latest",false])")).text("number") == "0x402");
  CHECK(Json(n.result("eth_getBlockByNumber", R"(["0x401",false])")).text("parentHash") ==
        head.text("hash"));
}

TEST_CASE("a block, its transactions, receipts and logs tell one story") {
  EngineFixture n;
  const Json block(n.result("eth_getBlockByNumber", R"(["0x3f0",true])"));
  for (const std::string_view key : {"hash",        "parentHash",    "nonce",
                                     "sha3Uncles",  "logsBloom",     "transactionsRoot",
                                     "stateRoot",   "receiptsRoot",  "miner",
                                     "difficulty",  "extraData",     "size",
                                     "gasLimit",    "gasUsed",       "timestamp",
                                     "mixHash",     "baseFeePerGas", "withdrawalsRoot",
                                     "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot",
                                     "withdrawals", "uncles"}) {
    CAPTURE(key);
    CHECK(block.has(key));
  }
  const Json receipts(n.result("eth_getBlockReceipts", R"(["0x3f0"])"));
  std::size_t at = 0;
  std::uint64_t gas = 0;
  std::uint64_t log_index = 0;
  for (const auto item : block.root()["transactions"].get_array()) {
    const Json transaction(simdjson::minify(item));
    for (const std::string_view key :
         {"blockHash", "blockNumber", "from", "gas", "gasPrice", "maxFeePerGas", "to", "value",
          "chainId", "maxPriorityFeePerGas", "input", "nonce", "type", "accessList", "v", "r", "s",
          "yParity"}) {
      CAPTURE(key);
      CHECK(transaction.has(key));
    }
    const std::string hash = transaction.text("hash");
    CHECK(transaction.text("s").size() == 66);
    CHECK(transaction.text("s")[2] != '0');
    CHECK(transaction.text("s")[2] < '8');
    const std::string by_hash = n.result("eth_getTransactionByHash", "[\"" + hash + "\"]");
    CHECK(by_hash == simdjson::minify(item));
    const Json receipt(n.result("eth_getTransactionReceipt", "[\"" + hash + "\"]"));
    CHECK(simdjson::minify(receipt.root()) == simdjson::minify(receipts.root().at(at)));
    CHECK(receipt.text("transactionHash") == hash);
    CHECK(receipt.text("from") == transaction.text("from"));
    gas += *parse_quantity(receipt.text("gasUsed"));
    CHECK(*parse_quantity(receipt.text("cumulativeGasUsed")) == gas);
    for (const auto log : receipt.root()["logs"].get_array()) {
      CHECK(*parse_quantity(log["logIndex"].get_string().value()) == log_index++);
      CHECK(log["transactionHash"].get_string().value() == hash);
      CHECK(log["topics"].get_array().size() == 3);
    }
    ++at;
  }
  CHECK(at > 0);
  CHECK(*parse_quantity(block.text("gasUsed")) == gas);
  const Json logs(n.result("eth_getLogs", R"([{"fromBlock":"0x3f0","toBlock":"0x3f0"}])"));
  CHECK(logs.root().get_array().size() == log_index);
  CHECK(n.result("eth_getLogs", with(R"([{"blockHash":"$"}])", block.text("hash"))) ==
        n.result("eth_getLogs", R"([{"fromBlock":"0x3f0","toBlock":"0x3f0"}])"));
  CHECK(n.result("eth_getBlockTransactionCountByHash", "[\"" + block.text("hash") + "\"]") ==
        n.result("eth_getBlockTransactionCountByNumber", R"(["0x3f0"])"));
}

TEST_CASE("what is unknown is null") {
  EngineFixture n;
  for (const std::string_view method : {"eth_getTransactionByHash", "eth_getTransactionReceipt",
                                        "eth_getBlockByHash", "eth_getBlockTransactionCountByHash",
                                        "eth_getUncleCountByBlockHash", "eth_getBlockReceipts"}) {
    CAPTURE(method);
    CHECK(n.result(method, "[" + std::string(kNoHash) + "]") == "null");
  }
  const std::string future = quoted_hash(n.node.chain().transaction_hash({1025, 0}));
  CHECK(n.result("eth_getTransactionByHash", "[" + future + "]") == "null");
  n.node.mine(1);
  CHECK(n.result("eth_getTransactionByHash", "[" + future + "]") != "null");
}

TEST_CASE("state answers by tag, number, hash and EIP-1898 object") {
  EngineFixture n;
  const std::string hash = quoted_hash(n.node.chain().block_hash(1000));
  for (const std::string_view method :
       {"eth_getBalance", "eth_getTransactionCount", "eth_getCode"}) {
    CAPTURE(method);
    const auto at = [&](std::string_view block) {
      return n.result(method, "[" + std::string(kSomeone) + "," + std::string(block) + "]");
    };
    CHECK(at(R"("0x3e8")") == at(hash));
    CHECK(at(R"("0x3e8")") == at(R"({"blockNumber":"0x3e8"})"));
    CHECK(at(R"("0x3e8")") == at(with(R"({"blockHash":$})", hash)));
    CHECK(at(R"("0x400")") == n.result(method, "[" + std::string(kSomeone) + "]"));
  }
  CHECK(n.result("eth_getStorageAt", "[" + std::string(kSomeone) + R"(,"0x0","0x3e8"])").size() ==
        68);
  CHECK(n.result("eth_getStorageAt", "[" + std::string(kSomeone) + R"(,"0x1","0x3e8"])") !=
        n.result("eth_getStorageAt", "[" + std::string(kSomeone) + R"(,"0x0","0x3e8"])"));
  n.faults(R"({"state_history":10})");
  CHECK(n.ask("eth_getBalance", "[" + std::string(kSomeone) + R"(,"0x3e8"])")
            .find("missing trie node") != std::string::npos);
  n.result("eth_getBalance", "[" + std::string(kSomeone) + R"(,"0x3f6"])");
}

TEST_CASE("calls answer by target, input and block, and revert when asked to") {
  EngineFixture n;
  const auto call = [&](std::string_view data, std::string_view block) {
    return n.result(
        "eth_call",
        with(with(R"([{"to":"0x1111111111111111111111111111111111111111","data":"$"},"$"])", data),
             block));
  };
  CHECK(call("0x12345678", "0x1") == call("0x12345678", "0x1"));
  CHECK(call("0x12345678", "0x1") != call("0x12345678", "0x2"));
  CHECK(call("0x12345678", "0x1") != call("0x12345679", "0x1"));
  CHECK(call("0x313ce567", "latest") == "\"0x" + std::string(62, '0') + "12\"");
  for (const std::string_view method : {"eth_call", "eth_estimateGas"}) {
    const std::string reverted = n.ask(
        method, R"([{"to":"0x1111111111111111111111111111111111111111","data":"0xdeadbeef"}])");
    CHECK(
        reverted.find(
            R"("code":3,"message":"execution reverted: deterministic revert","data":"0x08c379a0)") !=
        std::string::npos);
  }
  CHECK(n.ask("test_revert", R"(["rate limit"])")
            .find(R"("message":"execution reverted: rate limit")") != std::string::npos);
  CHECK(n.result("eth_estimateGas", "[{}]") == R"("0x5208")");
  const Json access(n.result("eth_createAccessList", "[{}]"));
  CHECK(access.size("accessList") == 0);
}

TEST_CASE("fee history has one more base fee than blocks") {
  EngineFixture n;
  for (const std::string_view count : {"4", R"("0x4")"}) {
    const Json fees(n.result("eth_feeHistory", with(R"([$,"latest",[10,50]])", count)));
    CHECK(fees.size("baseFeePerGas") == 5);
    CHECK(fees.size("gasUsedRatio") == 4);
    CHECK(fees.size("reward") == 4);
    CHECK(fees.text("oldestBlock") == "0x3fd");
  }
  CHECK_FALSE(Json(n.result("eth_feeHistory", R"(["0x1","latest",null])")).has("reward"));
  CHECK(Json(n.result("eth_feeHistory", R"([9999,"latest",[]])")).size("gasUsedRatio") == 1024);
}

TEST_CASE("a sent transaction is known at once and mined in the next block") {
  EngineFixture n;
  const std::string params = "[\"" + std::string(kRawTransaction) + "\"]";
  const std::string hash = n.result("eth_sendRawTransaction", params);
  CHECK(hash == R"("0x696dfd94afaa38ed95e434652daf25d81f8098461b4ace1ea08dd2707b3ac0b5")");
  CHECK(
      n.ask("eth_sendRawTransaction", params).find(R"("code":-32000,"message":"already known")") !=
      std::string::npos);
  CHECK(Json(n.result("eth_getTransactionByHash", "[" + hash + "]")).is_null("blockHash"));
  CHECK(n.result("eth_getTransactionReceipt", "[" + hash + "]") == "null");
  n.node.mine(1);
  const Json receipt(n.result("eth_getTransactionReceipt", "[" + hash + "]"));
  CHECK(receipt.text("blockNumber") == "0x401");
  CHECK("\"" + receipt.text("blockHash") + "\"" == quoted_hash(n.node.chain().block_hash(1025)));
  CHECK(n.node.stats()
            .to_json("", std::vector<std::string_view>(methods().size(), "m"))
            .find("\"sent\":{" + hash + ":2}") != std::string::npos);
}

TEST_CASE("filters drain, and their ids are small counters") {
  EngineFixture n;
  CHECK(n.result("eth_newBlockFilter", "[]") == R"("0x1")");
  CHECK(n.result("eth_newFilter", "[{}]") == R"("0x2")");
  CHECK(n.result("eth_newPendingTransactionFilter", "[]") == R"("0x3")");
  CHECK(n.result("eth_getFilterChanges", R"(["0x1"])") == "[]");
  n.node.mine(2);
  CHECK(n.result("eth_getFilterChanges", R"(["0x1"])") ==
        "[" + quoted_hash(n.node.chain().block_hash(1025)) + "," +
            quoted_hash(n.node.chain().block_hash(1026)) + "]");
  CHECK(n.result("eth_getFilterChanges", R"(["0x1"])") == "[]");
  CHECK(n.result("eth_getFilterChanges", R"(["0x2"])") ==
        n.result("eth_getLogs", R"([{"fromBlock":"0x401","toBlock":"0x402"}])"));
  CHECK(n.result("eth_getFilterChanges", R"(["0x2"])") == "[]");
  n.node.send(n.node.chain().bytes32(1, 2, 3), 1026);
  CHECK(n.result("eth_getFilterChanges", R"(["0x3"])") ==
        "[" + quoted_hash(n.node.chain().bytes32(1, 2, 3)) + "]");
  CHECK(n.result("eth_getFilterChanges", R"(["0x3"])") == "[]");
  CHECK(n.result("eth_uninstallFilter", R"(["0x1"])") == "true");
  CHECK(n.result("eth_uninstallFilter", R"(["0x1"])") == "false");
}

TEST_CASE("subscriptions are opened through the session") {
  EngineFixture n;
  const auto ask = [&](std::string_view params, std::string_view method = "eth_subscribe") {
    return n.send(R"({"id":1,"method":")" + std::string(method) + R"(","params":)" +
                      std::string(params) + "}",
                  &n.subscriber);
  };
  CHECK(ask(R"(["newHeads"])") == R"({"jsonrpc":"2.0","id":1,"result":"0x1"})");
  CHECK(n.reply.opened == std::vector<std::uint64_t>{1});
  ask(R"(["logs",{"address":[]}])");
  ask(R"(["newPendingTransactions"])");
  CHECK(n.subscriber.kinds.size() == 3);
  CHECK(ask(R"(["nope"])").find("no \\\"nope\\\" subscription in eth namespace") !=
        std::string::npos);
  CHECK(ask(R"(["0x1"])", "eth_unsubscribe").find("true") != std::string::npos);
  CHECK(ask(R"(["0x1"])", "eth_unsubscribe").find("subscription not found") != std::string::npos);
}

TEST_CASE("every row of the table is found by its name") {
  for (const Method& method : methods()) CHECK(find_method(method.name) == &method);
  CHECK(find_method("") == nullptr);
  CHECK(find_method("eth_chainI") == nullptr);
  CHECK(find_method("zzz") == nullptr);
}

}  // namespace sluice::devnode
