// SPDX-License-Identifier: Apache-2.0
#include "ethereum/block_ref.hpp"

#include <string>

#include "support/catch.hpp"

using namespace sluice::ethereum;

namespace {

constexpr std::string_view kHash =
    "\"0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3\"";

struct Case {
  std::string_view method;
  std::string params;
  BlockRef::Kind kind;
  std::uint64_t number = 0;
};

std::string hash_in(std::string_view before, std::string_view after) {
  return std::string(before).append(kHash).append(after);
}

void check(const Case& expected) {
  CAPTURE(expected.method, expected.params);
  const auto ref = block_ref(find(expected.method), expected.params);
  CHECK(ref.kind == expected.kind);
  CHECK(ref.number == expected.number);
  CHECK(ref.from_kind == expected.kind);
  CHECK_FALSE(ref.range);
}

}  // namespace

TEST_CASE("numbers, tags and hashes are read where the method has them") {
  const Case cases[] = {
      {"eth_getBlockByNumber", R"(["0x1b4",false])", BlockRef::kNumber, 436},
      {"eth_getBlockByNumber", R"(["0x0",false])", BlockRef::kNumber, 0},
      {"eth_getBlockByNumber", R"(["0xffffffffffffffff",false])", BlockRef::kNumber, UINT64_MAX},
      {"eth_getBlockByNumber", R"(["0x00012",false])", BlockRef::kNumber, 18},
      {"eth_getBlockByNumber", R"(["latest",true])", BlockRef::kLatest},
      {"eth_getBlockByNumber", R"(["pending",true])", BlockRef::kPending},
      {"eth_getBlockByNumber", R"(["safe",true])", BlockRef::kSafe},
      {"eth_getBlockByNumber", R"(["finalized",true])", BlockRef::kFinalized},
      {"eth_getBlockByNumber", R"(["earliest",true])", BlockRef::kEarliest},
      {"eth_getBlockByNumber", R"([ 436 , false ])", BlockRef::kNumber, 436},
      {"eth_getBlockByHash", hash_in("[", ",false]"), BlockRef::kHash},
      {"eth_getBlockByHash", R"(["latest",false])", BlockRef::kNone},
      {"eth_getBlockByHash", "[]", BlockRef::kNone},
      {"eth_getBlockReceipts", hash_in("[", "]"), BlockRef::kHash},
      {"eth_getBlockReceipts", R"(["0x37"])", BlockRef::kNumber, 55},
      {"eth_getBalance", R"(["0xabc","0x10"])", BlockRef::kNumber, 16},
      {"eth_getBalance", R"(["0xabc"])", BlockRef::kLatest},
      {"eth_getBalance", R"(["0xabc",null])", BlockRef::kLatest},
      {"eth_getStorageAt", R"(["0xabc","0x7","0x10"])", BlockRef::kNumber, 16},
      {"eth_feeHistory", R"(["0x5","latest",[25,75]])", BlockRef::kLatest},
      {"eth_feeHistory", R"([5,"0x20",[]])", BlockRef::kNumber, 32},
      {"eth_call", R"([{"to":"0xa","data":"0x70a08231"},"0x2"])", BlockRef::kNumber, 2},
      {"eth_call", R"([{"to":"0xa"},"latest",{"0xb":{"balance":"0x1"}},{"number":"0x9"}])",
       BlockRef::kLatest},
      {"eth_callMany",
       R"([[{"transactions":[{"to":"0xa"}]}],{"blockNumber":"0x3","transactionIndex":-1}])",
       BlockRef::kNumber, 3},
      {"eth_callBundle", R"([{"txs":["0x1"],"blockNumber":"0x99","stateBlockNumber":"0x98"}])",
       BlockRef::kNumber, 0x98},
      {"eth_callBundle", R"([{"txs":["0x1"],"blockNumber":"0x99"}])", BlockRef::kLatest},
      {"trace_call", R"([{"to":"0xa"},["trace"],"0x8"])", BlockRef::kNumber, 8},
      {"ots_hasCode", R"(["0xabc",12])", BlockRef::kNumber, 12},
      {"eth_chainId", "[]", BlockRef::kNone},
      {"eth_getTransactionReceipt", hash_in("[", "]"), BlockRef::kNone},
      {"no_such_method", R"(["0x1"])", BlockRef::kNone},
  };
  for (const auto& expected : cases) check(expected);
}

TEST_CASE("EIP-1898 objects name a block by number or by hash") {
  const Case cases[] = {
      {"eth_call", R"([{},{"blockNumber":"0x5"}])", BlockRef::kNumber, 5},
      {"eth_call", R"([{},{"blockNumber":"safe"}])", BlockRef::kSafe},
      {"eth_call", hash_in(R"([{},{"blockHash":)", "}]"), BlockRef::kHash},
      {"eth_call", hash_in(R"([{}, { "blockHash" : )", R"( , "blockNumber":null } ])"),
       BlockRef::kHash},
      {"eth_call", hash_in(R"([{},{"blockHash":)", R"(,"blockNumber":"0x1"}])"), BlockRef::kNone},
      {"eth_call", R"([{},{"blockHash":"0x12"}])", BlockRef::kNone},
      {"eth_call", R"([{},{}])", BlockRef::kLatest},
      {"eth_call", R"([{},{"block\u004eumber":"0x5"}])", BlockRef::kNone},
      {"eth_call", R"([{},{"blockNumber":"0x5","blockNumber":"0x6"}])", BlockRef::kNumber, 6},
  };
  for (const auto& expected : cases) check(expected);

  const auto plain = block_ref(find("eth_call"), hash_in(R"([{},{"blockHash":)", "}]"));
  CHECK_FALSE(plain.require_canonical);
  const auto strict =
      block_ref(find("eth_call"), hash_in(R"([{},{"requireCanonical":true,"blockHash":)", "}]"));
  CHECK(strict.kind == BlockRef::kHash);
  CHECK(strict.require_canonical);
}

TEST_CASE("ranges keep both ends, and the more demanding one is the kind") {
  struct Range {
    std::string params;
    BlockRef::Kind kind;
    std::uint64_t number;
    BlockRef::Kind from_kind;
    std::uint64_t from;
  };
  const Range cases[] = {
      {R"([{"fromBlock":"0x10","toBlock":"0x20"}])", BlockRef::kNumber, 32, BlockRef::kNumber, 16},
      {R"([{"toBlock":"0x20","address":["0xa","0xb"],"topics":[[],null],"fromBlock":"0x10"}])",
       BlockRef::kNumber, 32, BlockRef::kNumber, 16},
      {R"([{"fromBlock":"0x20","toBlock":"0x10"}])", BlockRef::kNumber, 32, BlockRef::kNumber, 32},
      {R"([{"fromBlock":"0x10"}])", BlockRef::kLatest, 16, BlockRef::kNumber, 16},
      {R"([{"toBlock":"0x10"}])", BlockRef::kLatest, 16, BlockRef::kLatest, 0},
      {R"([{"fromBlock":"earliest","toBlock":"0x10"}])", BlockRef::kNumber, 16, BlockRef::kEarliest,
       0},
      {R"([{"fromBlock":"0x10","toBlock":"finalized"}])", BlockRef::kFinalized, 16,
       BlockRef::kNumber, 16},
      {R"([{"fromBlock":"finalized","toBlock":"pending"}])", BlockRef::kPending, 0,
       BlockRef::kFinalized, 0},
      {R"([{"address":"0xa"}])", BlockRef::kLatest, 0, BlockRef::kLatest, 0},
      {R"([{"fromBlock":null,"toBlock":null}])", BlockRef::kLatest, 0, BlockRef::kLatest, 0},
  };
  for (const std::string_view method : {"eth_getLogs", "eth_newFilter", "trace_filter"}) {
    for (const auto& expected : cases) {
      CAPTURE(method, expected.params);
      const auto ref = block_ref(find(method), expected.params);
      CHECK(ref.kind == expected.kind);
      CHECK(ref.number == expected.number);
      CHECK(ref.from_kind == expected.from_kind);
      CHECK(ref.from == expected.from);
      CHECK(ref.range);
    }
  }
  check({"eth_getLogs", hash_in(R"([{"blockHash":)", "}]"), BlockRef::kHash});
  check({"eth_getLogs", hash_in(R"([{"blockHash":)", R"(,"fromBlock":"0x1"}])"), BlockRef::kNone});
  check({"eth_getLogs", R"([{"fromBlock":"0xzz","toBlock":"0x1"}])", BlockRef::kNone});
  check({"eth_getLogs", hash_in(R"([{"fromBlock":)", R"(,"toBlock":"0x1"}])"), BlockRef::kNone});
}

TEST_CASE("what is malformed is left to the node") {
  for (const std::string_view block : {R"("")", R"("0x")", R"("0xg")", R"("0x10000000000000000")",
                                       R"("436")", R"("LATEST")", R"("late\u0073t")", "1.5", "1e3",
                                       "-1", "18446744073709551616", "true", "[]", R"(["0x1"])"}) {
    check({"eth_getBlockByNumber", std::string("[").append(block).append(",false]"),
           BlockRef::kNone});
    check({"eth_getBalance", std::string(R"(["0xa",)").append(block).append("]"), BlockRef::kNone});
  }
  check({"eth_getBalance", R"({"address":"0xa","block":"0x1"})", BlockRef::kNone});
  check({"eth_getBalance", "", BlockRef::kLatest});
  check({"eth_getBalance", "null", BlockRef::kLatest});
  check({"eth_getBalance", "[]", BlockRef::kLatest});
}

TEST_CASE("strings and nesting before the block do not mislead") {
  check({"eth_call", R"([{"data":"]},\"0x99\"","x":[[{"y":"}"}]]},"0x2"])", BlockRef::kNumber, 2});
  check({"eth_call", R"([{"data":"\\"},"0x2"])", BlockRef::kNumber, 2});
  check({"eth_call", R"([{"data":"\\\""},"0x2"])", BlockRef::kNumber, 2});
  check({"eth_call", R"(["\"",  "0x2" ])", BlockRef::kNumber, 2});
  const std::string big(100000, 'a');
  check({"eth_call", R"([{"data":"0x)" + big + R"("},"0x2"])", BlockRef::kNumber, 2});
  check({"eth_getLogs",
         R"([{"topics":[{"fromBlock":"0x9"}],"blockHash":)" + std::string(kHash) + "}]",
         BlockRef::kHash});
}

TEST_CASE("every prefix of a params token is survived") {
  const std::string tokens[] = {
      R"([{"to":"0xa","data":"a\"b\\"},{"blockNumber":"0x5","requireCanonical":true}])",
      R"([{"fromBlock":"0x10","toBlock":"0x20","topics":[["0x1"],null]}])",
      R"(["0xabc", "0x7" , "latest"])",
  };
  for (const auto& token : tokens) {
    for (std::size_t size = 0; size <= token.size(); ++size) {
      const std::string cut(
          token, 0, size);  // an exact allocation, so that a sanitizer sees a read beyond it
      for (const Method& method : methods()) static_cast<void>(block_ref(method, cut));
    }
  }
  SUCCEED();
}
