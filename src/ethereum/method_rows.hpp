// SPDX-License-Identifier: Apache-2.0
// Names and parameters: ethereum/execution-apis, and the clients' own namespaces as geth, reth,
// erigon, besu, nethermind and the L2 nodes document them. Private-pool methods follow the relays'
// rules: one relay, no second try.
// Only method.cpp includes this.
#pragma once

#include <cstdint>
#include <string_view>

#include "ethereum/method.hpp"

namespace sluice::ethereum::rows {

// The columns' short forms, so that a row is a line.
constexpr auto R = Kind::kRead, W = Kind::kWrite, Wn = Kind::kNodeLocal, S = Kind::kStateful;
constexpr auto free = Resend::kFreely, retry = Resend::kRetry, bcast = Resend::kByHash,
               pin = Resend::kPinned, once = Resend::kNever;
constexpr auto no_store = CacheRule::kNever, fixed = CacheRule::kStatic,
               by_hash = CacheRule::kByHash, by_block = CacheRule::kByBlock,
               by_range = CacheRule::kByRange, by_tx = CacheRule::kByTransaction,
               till_head = CacheRule::kUntilHead;
constexpr auto ok = Exposure::kAllowed, opt = Exposure::kOptIn, no = Exposure::kDenied;
constexpr auto fin = NullMeaning::kFinal, later = NullMeaning::kLater,
               empty = NullMeaning::kLaterIfEmpty;
constexpr auto Cheap = MethodClass::kCheapRead, State = MethodClass::kStateRead,
               Call = MethodClass::kCall, Logs = MethodClass::kLogs, Block = MethodClass::kBlock,
               Trace = MethodClass::kTrace, Write = MethodClass::kWrite,
               Filter = MethodClass::kFilter, Subscription = MethodClass::kSubscription,
               Other = MethodClass::kOther;
using enum LocalAnswer;

constexpr BlockParam at(std::uint8_t index) {
  return {BlockAt::kParam, index};
}
constexpr BlockParam hash(std::uint8_t index) {
  return {BlockAt::kHash, index};
}
constexpr BlockParam range(std::uint8_t index) {
  return {BlockAt::kRange, index};
}
constexpr BlockParam state(std::uint8_t index) {
  return {BlockAt::kStateField, index};
}

/// A row as written; the index and the scoped types come from where it stands.
struct Row {
  std::string_view name;
  Kind kind;
  Resend resend;
  BlockParam block;
  CacheRule cache;
  std::uint8_t cost;
  std::uint16_t weight;
  Exposure exposure;
  NullMeaning null_meaning;
  MethodClass klass;
  LocalAnswer local = kNone;
};

// clang-format off
constexpr Row kRows[] = {
    // name                                      kind resend block    cache   cost weight exposure null class, own answer
    // web3, net
    {"web3_clientVersion",                        R,  free,  {},       fixed,     1,   1, ok,  fin,   Cheap, kClientVersion},
    {"web3_sha3",                                 R,  free,  {},       fixed,     1,   1, ok,  fin,   Cheap, kSha3},
    {"net_version",                               R,  free,  {},       fixed,     1,   1, ok,  fin,   Cheap, kNetVersion},
    {"net_listening",                             R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap, kTrue},
    {"net_peerCount",                             R,  free,  {},       till_head, 1,   1, opt, fin,   Cheap},
    {"rpc_modules",                               R,  pin,   {},       no_store,  1,   1, no,  fin,   Cheap},
    // eth: the chain and its tip
    {"eth_chainId",                               R,  free,  {},       fixed,     1,   1, ok,  fin,   Cheap, kChainId},
    {"eth_protocolVersion",                       R,  free,  {},       fixed,     1,   1, opt, fin,   Cheap},
    {"eth_syncing",                               R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap, kSyncing},
    {"eth_config",                                R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap},
    {"eth_capabilities",                          R,  free,  {},       no_store,  1,   1, opt, fin,   Cheap},
    {"eth_blockNumber",                           R,  free,  {},       till_head, 1,   1, ok,  later, Cheap, kBlockNumber},
    {"eth_gasPrice",                              R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap},
    {"eth_maxPriorityFeePerGas",                  R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap},
    {"eth_baseFee",                               R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap},
    {"eth_blobBaseFee",                           R,  free,  {},       till_head, 1,   1, ok,  fin,   Cheap},
    {"eth_feeHistory",                            R,  free,  at(1),    by_block,  2,   2, ok,  fin,   Cheap},
    // eth: the node's own affairs
    {"eth_coinbase",                              R,  free,  {},       no_store,  1,   1, no,  fin,   Cheap},
    {"eth_mining",                                R,  free,  {},       no_store,  1,   1, no,  fin,   Cheap, kFalse},
    {"eth_hashrate",                              R,  free,  {},       no_store,  1,   1, no,  fin,   Cheap, kZeroQuantity},
    {"eth_getWork",                               R,  free,  {},       no_store,  1,   1, no,  fin,   Cheap},
    {"eth_submitWork",                            Wn, once,  {},       no_store,  1,   1, no,  fin,   Other},
    {"eth_submitHashrate",                        Wn, once,  {},       no_store,  1,   1, no,  fin,   Other},
    {"eth_accounts",                              R,  free,  {},       no_store,  1,   1, no,  fin,   Cheap, kEmptyArray},
    {"eth_requestAccounts",                       R,  free,  {},       no_store,  1,   1, no,  fin,   Other},
    {"eth_pendingTransactions",                   R,  pin,   {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_sendTransaction",                       Wn, once,  {},       no_store,  2,   4, no,  fin,   Write},
    {"eth_sign",                                  Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_signTransaction",                       Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_signTypedData",                         Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_signTypedData_v3",                      Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_signTypedData_v4",                      Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_resend",                                Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_submitTransaction",                     Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"eth_getCompilers",                          R,  once,  {},       no_store,  1,   1, no,  fin,   Other},
    {"eth_compileLLL",                            R,  once,  {},       no_store,  1,   1, no,  fin,   Other},
    {"eth_compileSerpent",                        R,  once,  {},       no_store,  1,   1, no,  fin,   Other},
    {"eth_compileSolidity",                       R,  once,  {},       no_store,  1,   1, no,  fin,   Other},
    // eth: blocks
    {"eth_getBlockByNumber",                      R,  free,  at(0),    by_block,  2,   2, ok,  later, Block},
    {"eth_getBlockByHash",                        R,  free,  hash(0),  by_hash,   2,   2, ok,  later, Block},
    {"eth_getHeaderByNumber",                     R,  free,  at(0),    by_block,  1,   1, ok,  later, Block},
    {"eth_getHeaderByHash",                       R,  free,  hash(0),  by_hash,   1,   1, ok,  later, Block},
    {"eth_getBlockTransactionCountByNumber",      R,  free,  at(0),    by_block,  1,   1, ok,  later, Block},
    {"eth_getBlockTransactionCountByHash",        R,  free,  hash(0),  by_hash,   1,   1, ok,  later, Block},
    {"eth_getUncleCountByBlockNumber",            R,  free,  at(0),    by_block,  1,   1, ok,  later, Block},
    {"eth_getUncleCountByBlockHash",              R,  free,  hash(0),  by_hash,   1,   1, ok,  later, Block},
    {"eth_getUncleByBlockNumberAndIndex",         R,  free,  at(0),    by_block,  1,   1, ok,  fin,   Block},
    {"eth_getUncleByBlockHashAndIndex",           R,  free,  hash(0),  by_hash,   1,   1, ok,  fin,   Block},
    {"eth_getBlockReceipts",                      R,  free,  at(0),    by_block,  3,  10, ok,  later, Block},
    {"eth_getBlockAccessList",                    R,  free,  at(0),    by_block,  2,   4, opt, later, Block},
    {"eth_getBlockAccessListByBlockNumber",       R,  free,  at(0),    by_block,  2,   4, opt, later, Block},
    {"eth_getBlockAccessListByBlockHash",         R,  free,  hash(0),  by_hash,   2,   4, opt, later, Block},
    {"eth_getBlockAccessListRaw",                 R,  free,  at(0),    by_block,  2,   4, opt, later, Block},
    // eth: transactions
    {"eth_getTransactionByHash",                  R,  free,  {},       by_tx,     1,   1, ok,  later, Block},
    {"eth_getTransactionReceipt",                 R,  free,  {},       by_tx,     1,   1, ok,  later, Block},
    {"eth_getTransactionByBlockNumberAndIndex",   R,  free,  at(0),    by_block,  1,   1, ok,  later, Block},
    {"eth_getTransactionByBlockHashAndIndex",     R,  free,  hash(0),  by_hash,   1,   1, ok,  later, Block},
    {"eth_getTransactionBySenderAndNonce",        R,  free,  {},       by_tx,     2,   2, opt, later, Block},
    {"eth_getRawTransactionByHash",               R,  free,  {},       by_tx,     1,   1, ok,  later, Block},
    {"eth_getRawTransactionByBlockNumberAndIndex", R,  free,  at(0),    by_block,  1,   1, ok,  later, Block},
    {"eth_getRawTransactionByBlockHashAndIndex",  R,  free,  hash(0),  by_hash,   1,   1, ok,  later, Block},
    // eth: state
    {"eth_getBalance",                            R,  free,  at(1),    by_block,  1,   2, ok,  fin,   State},
    {"eth_getCode",                               R,  free,  at(1),    by_block,  1,   2, ok,  fin,   State},
    {"eth_getTransactionCount",                   R,  free,  at(1),    by_block,  1,   2, ok,  fin,   State},
    {"eth_getStorageAt",                          R,  free,  at(2),    by_block,  1,   2, ok,  fin,   State},
    {"eth_getStorageValues",                      R,  free,  at(1),    by_block,  2,   4, ok,  fin,   State},
    {"eth_getAccount",                            R,  free,  at(1),    by_block,  1,   2, ok,  fin,   State},
    {"eth_getAccountInfo",                        R,  free,  at(1),    by_block,  1,   2, ok,  fin,   State},
    {"eth_getProof",                              R,  free,  at(2),    by_block,  3,  10, ok,  fin,   State},
    {"eth_getMultiProof",                         R,  free,  at(1),    by_block,  3,  10, ok,  fin,   State},
    // eth: execution
    {"eth_call",                                  R,  free,  at(1),    by_block,  2,   3, ok,  fin,   Call},
    {"eth_callMany",                              R,  free,  at(1),    by_block,  3,  20, opt, fin,   Call},
    {"eth_estimateGas",                           R,  free,  at(1),    till_head, 2,   4, ok,  fin,   Call},
    {"eth_createAccessList",                      R,  free,  at(1),    by_block,  2,   4, ok,  fin,   Call},
    {"eth_simulateV1",                            R,  retry, at(1),    by_block,  4,  20, opt, fin,   Call},
    {"eth_fillTransaction",                       R,  free,  {},       no_store,  2,   4, opt, fin,   Call},
    // eth: logs, filters, subscriptions
    {"eth_getLogs",                               R,  free,  range(0), by_range,  3,   8, ok,  fin,   Logs},
    {"eth_newFilter",                             S,  retry, range(0), no_store,  1,   2, opt, fin,   Filter},
    {"eth_newBlockFilter",                        S,  retry, {},       no_store,  1,   1, opt, fin,   Filter},
    {"eth_newPendingTransactionFilter",           S,  retry, {},       no_store,  1,   1, opt, fin,   Filter},
    {"eth_getFilterChanges",                      S,  pin,   {},       no_store,  2,   4, opt, fin,   Filter},
    {"eth_getFilterLogs",                         S,  pin,   {},       no_store,  3,   8, opt, fin,   Filter},
    {"eth_uninstallFilter",                       S,  pin,   {},       no_store,  1,   1, opt, fin,   Filter},
    {"eth_subscribe",                             S,  pin,   {},       no_store,  1,   1, ok,  fin,   Subscription},
    {"eth_unsubscribe",                           S,  pin,   {},       no_store,  1,   1, ok,  fin,   Subscription},
    // eth: sending
    {"eth_sendRawTransaction",                    W,  bcast, {},       no_store,  2,   4, ok,  fin,   Write},
    {"eth_sendRawTransactionSync",                W,  bcast, {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_sendRawTransactionConditional",         W,  retry, {},       no_store,  2,   4, opt, fin,   Write},
    {"bor_sendRawTransactionConditional",         W,  retry, {},       no_store,  2,   4, opt, fin,   Write},
    // private sends and bundles: never to another relay, never to the public pool
    {"eth_sendPrivateTransaction",                W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_sendPrivateRawTransaction",             W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_cancelPrivateTransaction",              W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_sendBundle",                            W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_cancelBundle",                          W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"mev_sendBundle",                            W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_callBundle",                            R,  retry, state(0), no_store,  4,  20, opt, fin,   Call},
    {"mev_simBundle",                             R,  retry, {},       no_store,  4,  20, opt, fin,   Call},
    // account abstraction: bundlers and paymasters
    {"eth_sendUserOperation",                     W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"eth_estimateUserOperationGas",              R,  free,  {},       no_store,  2,   4, opt, fin,   Call},
    {"eth_getUserOperationByHash",                R,  free,  {},       by_tx,     2,   2, opt, later, Block},
    {"eth_getUserOperationReceipt",               R,  free,  {},       by_tx,     2,   2, opt, later, Block},
    {"eth_supportedEntryPoints",                  R,  free,  {},       no_store,  1,   1, opt, fin,   Cheap},
    {"pm_sponsorUserOperation",                   W,  once,  {},       no_store,  2,   4, opt, fin,   Write},
    {"pm_getPaymasterData",                       R,  once,  {},       no_store,  2,   4, opt, fin,   Other},
    {"pm_getPaymasterStubData",                   R,  once,  {},       no_store,  2,   4, opt, fin,   Other},
    // debug: reads of the chain
    {"debug_traceTransaction",                    R,  retry, {},       by_tx,     4,  25, opt, later, Trace},
    {"debug_traceBlockByNumber",                  R,  retry, at(0),    by_block,  4,  60, opt, later, Trace},
    {"debug_traceBlockByHash",                    R,  retry, hash(0),  by_hash,   4,  60, opt, later, Trace},
    {"debug_traceBlock",                          R,  retry, {},       no_store,  4,  60, opt, fin,   Trace},
    {"debug_traceCall",                           R,  retry, at(1),    by_block,  4,  25, opt, fin,   Trace},
    {"debug_traceCallMany",                       R,  retry, at(1),    by_block,  4,  60, opt, fin,   Trace},
    {"debug_getRawHeader",                        R,  free,  at(0),    by_block,  2,   2, opt, later, Block},
    {"debug_getRawBlock",                         R,  free,  at(0),    by_block,  3,   8, opt, later, Block},
    {"debug_getRawReceipts",                      R,  free,  at(0),    by_block,  3,  10, opt, later, Block},
    {"debug_getRawTransaction",                   R,  free,  {},       by_tx,     1,   1, opt, later, Block},
    {"debug_getRawTransactions",                  R,  free,  at(0),    by_block,  1,   4, opt, later, Block},
    {"debug_getRawBlockAccessList",               R,  free,  at(0),    by_block,  2,   4, opt, later, Block},
    {"debug_executionWitness",                    R,  retry, at(0),    by_block,  4,  60, opt, later, Trace},
    {"debug_executionWitnessByBlockHash",         R,  retry, hash(0),  by_hash,   4,  60, opt, later, Trace},
    // debug: a node's internals, dear to compute
    {"debug_getBadBlocks",                        R,  pin,   {},       no_store,  2,   4, no,  fin,   Trace},
    {"debug_storageRangeAt",                      R,  retry, {},       no_store,  4,  25, no,  fin,   Trace},
    {"debug_accountRange",                        R,  retry, at(0),    no_store,  4,  60, no,  fin,   Trace},
    {"debug_accountAt",                           R,  retry, {},       no_store,  4,  25, no,  fin,   Trace},
    {"debug_dumpBlock",                           R,  retry, at(0),    no_store,  4,  60, no,  fin,   Trace},
    {"debug_intermediateRoots",                   R,  retry, hash(0),  no_store,  4,  60, no,  fin,   Trace},
    {"debug_getModifiedAccountsByNumber",         R,  retry, {},       no_store,  4,  60, no,  fin,   Trace},
    {"debug_getModifiedAccountsByHash",           R,  retry, {},       no_store,  4,  60, no,  fin,   Trace},
    {"debug_getAccessibleState",                  R,  retry, {},       no_store,  4,  60, no,  fin,   Trace},
    {"debug_preimage",                            R,  retry, {},       no_store,  4,   4, no,  fin,   Trace},
    {"debug_codeByHash",                          R,  retry, {},       no_store,  4,   4, no,  fin,   Trace},
    {"debug_dbGet",                               R,  retry, {},       no_store,  4,   4, no,  fin,   Trace},
    {"debug_dbAncient",                           R,  retry, {},       no_store,  4,   4, no,  fin,   Trace},
    {"debug_dbAncients",                          R,  retry, {},       no_store,  4,   4, no,  fin,   Trace},
    // debug: changes the node or writes files
    {"debug_setHead",                             Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_chaindbCompact",                      Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_chaindbProperty",                     Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"debug_freeOSMemory",                        Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_setGCPercent",                        Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"debug_setTrieFlushInterval",                Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"debug_cpuProfile",                          Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_blockProfile",                        Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_mutexProfile",                        Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_goTrace",                             Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_stacks",                              Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_verbosity",                           Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"debug_vmodule",                             Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"debug_clearTxpool",                         Wn, once,  {},       no_store,  2,   4, no,  fin,   Other},
    {"debug_standardTraceBlockToFile",            Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    {"debug_standardTraceBadBlockToFile",         Wn, once,  {},       no_store,  4,  60, no,  fin,   Other},
    // trace
    {"trace_block",                               R,  retry, at(0),    by_block,  3,  60, opt, later, Trace},
    {"trace_transaction",                         R,  retry, {},       by_tx,     3,  25, opt, empty, Trace},
    {"trace_get",                                 R,  retry, {},       by_tx,     3,  25, opt, empty, Trace},
    {"trace_replayTransaction",                   R,  retry, {},       by_tx,     4,  25, opt, later, Trace},
    {"trace_replayBlockTransactions",             R,  retry, at(0),    by_block,  4,  60, opt, later, Trace},
    {"trace_transactionOpcodeGas",                R,  retry, {},       by_tx,     4,  25, opt, later, Trace},
    {"trace_blockOpcodeGas",                      R,  retry, at(0),    by_block,  4,  60, opt, later, Trace},
    {"trace_filter",                              R,  retry, range(0), by_range,  4,  60, opt, fin,   Trace},
    {"trace_call",                                R,  retry, at(2),    by_block,  3,  25, opt, fin,   Trace},
    {"trace_callMany",                            R,  retry, at(1),    by_block,  4,  60, opt, fin,   Trace},
    {"trace_rawTransaction",                      R,  retry, at(2),    by_block,  4,  25, opt, fin,   Trace},
    {"arbtrace_block",                            R,  retry, at(0),    by_block,  4,  60, opt, later, Trace},
    {"arbtrace_transaction",                      R,  retry, {},       by_tx,     4,  25, opt, empty, Trace},
    {"arbtrace_get",                              R,  retry, {},       by_tx,     4,  25, opt, empty, Trace},
    {"arbtrace_replayTransaction",                R,  retry, {},       by_tx,     4,  25, opt, later, Trace},
    {"arbtrace_replayBlockTransactions",          R,  retry, at(0),    by_block,  4,  60, opt, later, Trace},
    {"arbtrace_filter",                           R,  retry, range(0), by_range,  4,  60, opt, fin,   Trace},
    {"arbtrace_call",                             R,  retry, at(2),    by_block,  4,  25, opt, fin,   Trace},
    {"arbtrace_callMany",                         R,  retry, at(1),    by_block,  4,  60, opt, fin,   Trace},
    // txpool: every node has its own
    {"txpool_status",                             R,  pin,   {},       till_head, 2,   4, opt, fin,   Cheap},
    {"txpool_content",                            R,  pin,   {},       no_store,  4,  60, no,  fin,   Other},
    {"txpool_contentFrom",                        R,  pin,   {},       no_store,  4,  25, no,  fin,   Other},
    {"txpool_inspect",                            R,  pin,   {},       no_store,  4,  60, no,  fin,   Other},
    // clients' own namespaces
    {"erigon_blockNumber",                        R,  free,  {},       till_head, 1,   1, opt, later, Cheap},
    {"erigon_forks",                              R,  free,  {},       till_head, 1,   1, opt, fin,   Cheap},
    {"erigon_getHeaderByNumber",                  R,  free,  at(0),    by_block,  1,   1, opt, later, Block},
    {"erigon_getHeaderByHash",                    R,  free,  hash(0),  by_hash,   1,   1, opt, later, Block},
    {"erigon_getBlockByTimestamp",                R,  free,  {},       no_store,  2,   2, opt, later, Block},
    {"erigon_getBlockReceiptsByBlockHash",        R,  free,  hash(0),  by_hash,   3,  10, opt, later, Block},
    {"erigon_getLogs",                            R,  free,  range(0), by_range,  3,   8, opt, fin,   Logs},
    {"erigon_getLogsByHash",                      R,  free,  hash(0),  by_hash,   3,   8, opt, later, Logs},
    {"erigon_getLatestLogs",                      R,  free,  range(0), no_store,  3,   8, opt, fin,   Logs},
    {"ots_getApiLevel",                           R,  retry, {},       fixed,     2,   1, opt, fin,   Cheap},
    {"ots_getHeaderByNumber",                     R,  retry, at(0),    by_block,  2,   1, opt, later, Block},
    {"ots_hasCode",                               R,  retry, at(1),    by_block,  2,   2, opt, fin,   State},
    {"ots_getBlockDetails",                       R,  retry, at(0),    by_block,  2,   4, opt, later, Block},
    {"ots_getBlockDetailsByHash",                 R,  retry, hash(0),  by_hash,   2,   4, opt, later, Block},
    {"ots_getBlockTransactions",                  R,  retry, at(0),    by_block,  3,  10, opt, later, Block},
    {"ots_searchTransactionsBefore",              R,  retry, {},       no_store,  4,  25, opt, fin,   Trace},
    {"ots_searchTransactionsAfter",               R,  retry, {},       no_store,  4,  25, opt, fin,   Trace},
    {"ots_getInternalOperations",                 R,  retry, {},       by_tx,     4,  25, opt, later, Trace},
    {"ots_getTransactionError",                   R,  retry, {},       by_tx,     3,  25, opt, later, Trace},
    {"ots_traceTransaction",                      R,  retry, {},       by_tx,     4,  25, opt, later, Trace},
    {"ots_getTransactionBySenderAndNonce",        R,  retry, {},       by_tx,     4,   4, opt, later, Block},
    {"ots_getContractCreator",                    R,  retry, {},       no_store,  4,  25, opt, later, Trace},
    {"parity_getBlockReceipts",                   R,  retry, at(0),    by_block,  3,  10, opt, later, Block},
    {"parity_pendingTransactions",                R,  pin,   {},       no_store,  4,  25, no,  fin,   Other},
    {"parity_netPeers",                           R,  pin,   {},       no_store,  1,   1, no,  fin,   Other},
    {"proof_call",                                R,  retry, at(1),    by_block,  3,  10, opt, fin,   Call},
    {"proof_getTransactionByHash",                R,  retry, {},       by_tx,     3,  10, opt, later, Block},
    {"proof_getTransactionReceipt",               R,  retry, {},       by_tx,     3,  10, opt, later, Block},
    // L2 and side chains
    {"bor_getAuthor",                             R,  retry, at(0),    by_block,  1,   1, opt, later, Block},
    {"bor_getRootHash",                           R,  retry, {},       no_store,  3,  10, opt, fin,   Block},
    {"bor_getSnapshot",                           R,  retry, at(0),    by_block,  2,   4, opt, later, Block},
    {"bor_getSigners",                            R,  retry, at(0),    by_block,  1,   1, opt, later, Block},
    {"bor_getCurrentProposer",                    R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"bor_getCurrentValidators",                  R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"linea_estimateGas",                         R,  retry, at(1),    till_head, 2,   4, opt, fin,   Call},
    {"linea_getProof",                            R,  retry, at(2),    by_block,  3,  10, opt, fin,   State},
    {"optimism_outputAtBlock",                    R,  retry, at(0),    by_block,  2,   4, opt, later, Block},
    {"optimism_syncStatus",                       R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"optimism_rollupConfig",                     R,  retry, {},       fixed,     1,   1, opt, fin,   Cheap},
    {"optimism_version",                          R,  retry, {},       no_store,  1,   1, opt, fin,   Cheap},
    {"rollup_gasPrices",                          R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"rollup_getInfo",                            R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"zks_L1ChainId",                             R,  retry, {},       fixed,     1,   1, opt, fin,   Cheap},
    {"zks_L1BatchNumber",                         R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"zks_getBridgeContracts",                    R,  retry, {},       no_store,  1,   1, opt, fin,   Cheap},
    {"zks_getBridgehubContract",                  R,  retry, {},       no_store,  1,   1, opt, fin,   Cheap},
    {"zks_getMainContract",                       R,  retry, {},       no_store,  1,   1, opt, fin,   Cheap},
    {"zks_getBaseTokenL1Address",                 R,  retry, {},       no_store,  1,   1, opt, fin,   Cheap},
    {"zks_getTestnetPaymaster",                   R,  retry, {},       no_store,  1,   1, opt, fin,   Cheap},
    {"zks_getFeeParams",                          R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"zks_getL1GasPrice",                         R,  retry, {},       till_head, 1,   1, opt, fin,   Cheap},
    {"zks_estimateFee",                           R,  retry, {},       till_head, 2,   4, opt, fin,   Call},
    {"zks_estimateGasL1ToL2",                     R,  retry, {},       till_head, 2,   4, opt, fin,   Call},
    {"zks_getAllAccountBalances",                 R,  retry, {},       till_head, 3,   4, opt, fin,   State},
    {"zks_getBlockDetails",                       R,  retry, at(0),    no_store,  1,   1, opt, later, Block},
    {"zks_getTransactionDetails",                 R,  retry, {},       no_store,  1,   1, opt, later, Block},
    {"zks_getRawBlockTransactions",               R,  retry, at(0),    by_block,  3,   8, opt, later, Block},
    {"zks_getL1BatchDetails",                     R,  retry, {},       no_store,  1,   1, opt, later, Block},
    {"zks_getL1BatchBlockRange",                  R,  retry, {},       no_store,  1,   1, opt, later, Block},
    {"zks_getL2ToL1LogProof",                     R,  retry, {},       no_store,  3,  10, opt, later, Block},
    {"zks_getProof",                              R,  retry, {},       no_store,  3,  10, opt, later, State},
    {"zks_getBytecodeByHash",                     R,  retry, {},       no_store,  1,   2, opt, later, State},
    {"zks_sendRawTransactionWithDetailedOutput",  W,  bcast, {},       no_store,  2,   4, opt, fin,   Write},
    // vendors' own
    {"alchemy_getTokenBalances",                  R,  free,  {},       no_store,  3,   8, opt, fin,   State},
    {"alchemy_getTokenMetadata",                  R,  free,  {},       no_store,  2,   2, opt, fin,   State},
    {"alchemy_getTokenAllowance",                 R,  free,  {},       no_store,  2,   2, opt, fin,   State},
    {"alchemy_getAssetTransfers",                 R,  free,  {},       no_store,  4,  20, opt, fin,   Logs},
    {"alchemy_getTransactionReceipts",            R,  free,  at(0),    no_store,  3,  10, opt, later, Block},
    {"qn_getReceipts",                            R,  free,  at(0),    no_store,  3,  10, opt, later, Block},
    {"qn_getBlockWithReceipts",                   R,  free,  at(0),    no_store,  3,  10, opt, later, Block},
    // the simulated node's own (sluice devnode)
    {"test_echo",                                 R,  free,  {},       no_store,  1,   1, opt, fin,   Cheap},
    {"test_error",                                R,  free,  {},       no_store,  1,   1, opt, fin,   Cheap},
    {"test_revert",                               R,  free,  {},       no_store,  1,   1, opt, fin,   Call},
    {"test_sleep",                                R,  retry, {},       no_store,  3,   8, opt, fin,   Other},
    {"test_size",                                 R,  retry, {},       no_store,  3,  10, opt, fin,   Other},
    // The row of unknown methods stays last: it may change the node, so it is sent once.
    {"other",                                     Wn, once,  {},       no_store,  3,   8, opt, fin,   Other},
};
// clang-format on

}  // namespace sluice::ethereum::rows
