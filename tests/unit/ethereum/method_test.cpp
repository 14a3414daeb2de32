// SPDX-License-Identifier: Apache-2.0
#include "ethereum/method.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "support/catch.hpp"

using namespace sluice::ethereum;

namespace {

// The methods of ethereum/execution-apis that a node offers on its open port, and those that
// clients add in common.
constexpr std::string_view kExpected[] = {
    "web3_clientVersion",
    "web3_sha3",
    "net_version",
    "net_listening",
    "net_peerCount",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockTransactionCountByHash",
    "eth_getBlockTransactionCountByNumber",
    "eth_getBlockReceipts",
    "eth_getBlockAccessList",
    "eth_capabilities",
    "eth_chainId",
    "eth_syncing",
    "eth_coinbase",
    "eth_accounts",
    "eth_blockNumber",
    "eth_config",
    "eth_call",
    "eth_estimateGas",
    "eth_createAccessList",
    "eth_simulateV1",
    "eth_gasPrice",
    "eth_baseFee",
    "eth_blobBaseFee",
    "eth_maxPriorityFeePerGas",
    "eth_feeHistory",
    "eth_fillTransaction",
    "eth_newFilter",
    "eth_newBlockFilter",
    "eth_newPendingTransactionFilter",
    "eth_uninstallFilter",
    "eth_getFilterChanges",
    "eth_getFilterLogs",
    "eth_getLogs",
    "eth_sign",
    "eth_signTransaction",
    "eth_getBalance",
    "eth_getStorageAt",
    "eth_getStorageValues",
    "eth_getTransactionCount",
    "eth_getCode",
    "eth_getProof",
    "eth_sendTransaction",
    "eth_sendRawTransaction",
    "eth_getTransactionByHash",
    "eth_getTransactionByBlockHashAndIndex",
    "eth_getTransactionByBlockNumberAndIndex",
    "eth_getTransactionReceipt",
    "eth_getUncleCountByBlockHash",
    "eth_getUncleCountByBlockNumber",
    "eth_getUncleByBlockHashAndIndex",
    "eth_getUncleByBlockNumberAndIndex",
    "eth_subscribe",
    "eth_unsubscribe",
    "eth_sendRawTransactionSync",
    "eth_sendRawTransactionConditional",
    "eth_callMany",
    "eth_pendingTransactions",
    "eth_protocolVersion",
    "eth_mining",
    "eth_hashrate",
    "eth_getWork",
    "eth_submitWork",
    "eth_submitHashrate",
    "debug_getRawHeader",
    "debug_getRawBlock",
    "debug_getRawTransaction",
    "debug_getRawReceipts",
    "debug_getRawBlockAccessList",
    "debug_getBadBlocks",
    "debug_traceBlockByNumber",
    "debug_traceBlockByHash",
    "debug_traceTransaction",
    "debug_traceCall",
    "debug_setHead",
    "txpool_status",
    "txpool_content",
    "txpool_contentFrom",
    "txpool_inspect",
    "trace_block",
    "trace_transaction",
    "trace_get",
    "trace_filter",
    "trace_call",
    "trace_callMany",
    "trace_rawTransaction",
    "trace_replayTransaction",
    "trace_replayBlockTransactions",
    "rpc_modules",
    "erigon_getLogs",
    "ots_getBlockDetails",
    "arbtrace_block",
    "bor_getAuthor",
    "eth_sendBundle",
    "eth_sendPrivateTransaction",
    "eth_sendUserOperation",
    "eth_callBundle",
};

}  // namespace

TEST_CASE("every method has exactly one row, and is found under its own name") {
  const auto rows = methods();
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].name);
    CHECK(rows[i].index == i);
    CHECK(names.insert(rows[i].name).second);
    CHECK(&find(rows[i].name) == &rows[i]);
    const std::string copy(rows[i].name);  // found by content, not by address
    CHECK(&find(copy) == &rows[i]);
  }
  for (const auto name : kExpected) {
    CAPTURE(name);
    CHECK(names.contains(name));
  }
}

TEST_CASE("unknown names give the last row, which is never resent nor cached") {
  const Method& other = other_method();
  CHECK(&other == &methods().back());
  CHECK(other.name == "other");
  CHECK(other.resend == Resend::kNever);
  CHECK(other.cache == CacheRule::kNever);
  CHECK(other.klass == MethodClass::kOther);
  for (const std::string_view name :
       {"", "x", "eth_", "other", "eth_cal", "eth_calls", "eth_callx", "ETH_CALL", "eth_call ",
        "admin_peers", "eth_getBlockByNumbeR", "eth_getBlockByHumber", "\0\0\0\0\0\0\0\0\0"}) {
    CAPTURE(name);
    CHECK(&find(name) == &other);
  }
  CHECK(&find(std::string(1 << 20, 'e')) == &other);
}

TEST_CASE("rows do not contradict themselves") {
  for (const Method& row : methods()) {
    CAPTURE(row.name);
    CHECK(row.weight >= 1);
    CHECK(row.weight <= 60);
    CHECK(row.cost >= CostClass::kCheap);
    CHECK(row.cost <= CostClass::kVeryHeavy);
    CHECK_FALSE(word(row.klass).empty());
    if (row.kind != Kind::kRead) CHECK(row.cache == CacheRule::kNever);
    if (row.kind != Kind::kRead) CHECK(row.local == LocalAnswer::kNone);
    // Only reads may be hedged; only broadcasts of signed bytes are safe by hash.
    if (row.resend == Resend::kFreely) CHECK(row.kind == Kind::kRead);
    if (row.resend == Resend::kByHash) CHECK(row.kind == Kind::kWrite);
    if (row.kind == Kind::kNodeLocal) CHECK(row.resend == Resend::kNever);
    // What uses a node's keys or changes the node is never open by default.
    if (row.kind == Kind::kNodeLocal && &row != &other_method()) {
      CHECK(row.exposure == Exposure::kDenied);
    }
    if (row.cache == CacheRule::kByHash) CHECK(row.block.at == BlockAt::kHash);
    if (row.cache == CacheRule::kByBlock) CHECK(row.block.at == BlockAt::kParam);
    if (row.cache == CacheRule::kByRange) CHECK(row.block.at == BlockAt::kRange);
    if (row.cache == CacheRule::kByTransaction) CHECK(row.null_meaning != NullMeaning::kFinal);
  }
}

TEST_CASE("the rows that a mistake would cost most") {
  CHECK(find("eth_sendRawTransaction").resend == Resend::kByHash);
  CHECK(find("eth_getFilterChanges").resend == Resend::kPinned);
  CHECK(find("eth_getFilterLogs").resend == Resend::kPinned);
  for (const std::string_view name :
       {"eth_sendBundle", "eth_sendPrivateTransaction", "eth_sendPrivateRawTransaction",
        "mev_sendBundle", "eth_cancelBundle", "eth_sendUserOperation", "eth_sendTransaction",
        "eth_sign"}) {
    CAPTURE(name);
    CHECK(find(name).resend == Resend::kNever);
  }
  CHECK(find("eth_getTransactionReceipt").null_meaning == NullMeaning::kLater);
  CHECK(find("eth_getLogs").null_meaning == NullMeaning::kFinal);
  CHECK(find("trace_transaction").null_meaning == NullMeaning::kLaterIfEmpty);
  CHECK(find("eth_chainId").local == LocalAnswer::kChainId);
  CHECK(find("eth_accounts").exposure == Exposure::kDenied);
  CHECK(find("eth_accounts").local == LocalAnswer::kEmptyArray);
}

TEST_CASE("classes have distinct words") {
  std::set<std::string_view> words;
  for (std::size_t i = 0; i < kMethodClasses; ++i) {
    CHECK(words.insert(word(static_cast<MethodClass>(i))).second);
  }
}
