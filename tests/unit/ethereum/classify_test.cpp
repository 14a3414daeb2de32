// SPDX-License-Identifier: Apache-2.0
#include "ethereum/classify.hpp"

#include <string>

#include "support/catch.hpp"

using namespace sluice::ethereum;

namespace {

struct Case {
  Outcome outcome;
  std::string_view message;
  std::int64_t code = -32000;
  std::string_view method = "eth_call";
  int status = 200;
};

Outcome judge(const Case& c, std::string_view data = {}) {
  return classify(find(c.method), {.http_status = c.status,
                                   .is_error = true,
                                   .code = c.code,
                                   .message = c.message,
                                   .data = data,
                                   .result = {}});
}

template <std::size_t N>
void check_all(const Case (&cases)[N]) {
  for (const auto& c : cases) {
    CAPTURE(c.method, c.code, c.status, c.message);
    CHECK(action(judge(c)).word == action(c.outcome).word);
  }
}

Outcome answer(std::string_view method, std::string_view result, int status = 200) {
  return classify(find(method), {.http_status = status,
                                 .is_error = false,
                                 .code = 0,
                                 .message = {},
                                 .data = {},
                                 .result = result});
}

using enum Outcome;
constexpr std::string_view kSend = "eth_sendRawTransaction";
constexpr std::string_view kLogs = "eth_getLogs";
constexpr std::string_view kTrace = "debug_traceCall";

}  // namespace

TEST_CASE("results: null and empty by the method's row") {
  CHECK(answer("eth_call", R"("0x")") == kOk);
  CHECK(answer("eth_call", "null") == kOk);
  CHECK(answer("eth_getLogs", "[]") == kOk);
  CHECK(answer("eth_getTransactionReceipt", "null") == kNullLater);
  CHECK(answer("eth_getTransactionReceipt", "{}") == kOk);
  CHECK(answer("eth_getBlockByNumber", "null") == kNullLater);
  CHECK(answer("eth_getBlockByNumber", "[]") == kOk);
  CHECK(answer("trace_transaction", "[]") == kNullLater);
  CHECK(answer("trace_transaction", "null") == kNullLater);
  CHECK(answer("trace_transaction", "[{}]") == kOk);
  CHECK(answer("eth_getUncleByBlockNumberAndIndex", "null") == kOk);
  CHECK(answer("some_unknownMethod", "null") == kOk);
  CHECK(answer("eth_call", R"("0x")", 0) == kOk);
  CHECK(answer("eth_call", R"("0x")", 204) == kOk);
}

TEST_CASE("replies that are no JSON-RPC are judged by their status") {
  CHECK(answer("eth_call", "") == kNodeFault);
  CHECK(answer("eth_call", "", 429) == kThrottled);
  CHECK(answer("eth_call", "", 401) == kAuth);
  CHECK(answer("eth_call", "", 402) == kAuth);
  CHECK(answer("eth_call", "", 403) == kAuth);
  CHECK(answer("eth_call", "", 413) == kTooLarge);
  CHECK(answer("eth_call", "", 408) == kTimeout);
  CHECK(answer("eth_call", "", 405) == kUnsupported);
  CHECK(answer("eth_call", "", 415) == kUnsupported);
  for (const int status : {300, 302, 400, 404, 500, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(answer("eth_call", "", status) == kNodeFault);
  }
  CHECK(answer("eth_call", R"("0x")", 500) == kNodeFault);
}

TEST_CASE("reverts and halts, in every client's words") {
  const Case cases[] = {
      {kRevert, "execution reverted", 3},
      {kRevert, "execution reverted: ERC20: transfer amount exceeds balance", 3},
      {kRevert, "execution reverted"},
      {kRevert, "Execution reverted: reason"},
      {kRevert, "VM execution error", -32015},
      {kRevert, "VM execution error."},
      {kRevert, "VM Exception while processing transaction: revert", -32603},
      {kRevert, "Error: VM Exception while processing transaction: reverted with reason string 'x'",
       -32603},
      {kRevert, "transaction: revert"},
      {kRevert, "EVM error: OpcodeNotFound"},
      {kRevert, "EVM error InvalidJump", -32603},
      {kRevert, "invalid opcode: INVALID"},
      {kRevert, "out of gas"},
      {kRevert, "gas required exceeds allowance (30000000)", -32000, "eth_estimateGas"},
      {kRevert, "failed with 50000000 gas: execution reverted", -32000, "eth_estimateGas"},
      {kRevert, "invalid jump destination"},
      {kRevert, "stack underflow (0 <=> 1)"},
      {kRevert, "write protection"},
      {kRevert, "anything the node says", 3},
      {kRevert, "block not found, says the contract", 3},
      {kRevert, "something", -32015},
  };
  check_all(cases);
  CHECK(judge({kRevert, "Internal error", -32603}, R"("Reverted 0x08c379a0")") == kRevert);
}

TEST_CASE("a contract cannot put blame on a node by what it reverts with") {
  for (const std::string_view reason :
       {"rate limit", "already known", "header not found", "limit exceeded", "has exceeded",
        "too many requests", "invalid api key", "Internal error", "nonce too low",
        "the method x does not exist/is not available", "missing trie node", "request timed out",
        "<html>", "query returned more than 10000 results", "block not found", "unknown block",
        R"(\"rate limit\")", "insufficient funds", "execution aborted (timeout = 5s)"}) {
    for (const std::string_view method : {"eth_call", "eth_estimateGas", "eth_sendRawTransaction",
                                          "debug_traceCall", "trace_call"}) {
      for (const std::int64_t code : {3, -32000, -32603, -32015, -32602, -32005}) {
        for (const std::string_view prefix :
             {"execution reverted: ", "Execution reverted: ",
              "VM Exception while processing transaction: revert "}) {
          const std::string message = std::string(prefix).append(reason);
          CAPTURE(method, code, message);
          CHECK(judge({kRevert, message, code, method}) == kRevert);
        }
      }
    }
  }
}

TEST_CASE("names and arguments that are quoted in errors cannot put blame on a node") {
  const Case cases[] = {
      {kUnsupported, "the method rate limit does not exist/is not available", -32601, "other"},
      {kUnsupported, "the method eth_x_has exceeded does not exist/is not available", -32000,
       "other"},
      {kUnsupported, "Method not found: too many requests", -32601, "other"},
      {kClientFault, "invalid argument 0: json: cannot unmarshal 'rate limit'", -32602},
      {kClientFault, "invalid argument 0: too many requests"},
      {kClientFault, "Invalid params: 'invalid api key'", -32602},
      {kClientFault, "bad hex 'rate limit'", -32602},
      {kClientFault, "bad hex 'internal error'", -32602},
      {kClientFault, "bad hex 'method not found'", -32602},
      {kClientFault, "Parse error: connection reset", -32700},
      {kClientFault, "rate limit    in server-side tracer function 'result'", -32000, kTrace},
      {kClientFault, "ReferenceError: limit exceeded at <eval>", -32000, kTrace},
      {kUnsupportedCall, R"(no \"rate limit\" subscription in eth namespace)", -32601,
       "eth_subscribe"},
  };
  check_all(cases);
  // The same words from a node that is no tracer are the node's own.
  CHECK(judge({kNodeFault, "TypeError: internal error", -32603}) == kNodeFault);
}

TEST_CASE("over a limit of range, results or size") {
  const Case cases[] = {
      {kTooLarge, "query returned more than 10000 results", -32005, kLogs},
      {kTooLarge,
       "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range. "
       "Based on your parameters, this block range should work: [0x1, 0x2]",
       -32602, kLogs},
      {kTooLarge, "Try with this block range [0x1, 0x2].", -32005, kLogs},
      {kTooLarge, "query exceeds max results 20000, retry with the range 1-5", -32602, kLogs},
      {kTooLarge, "query exceeds max block range 100000", -32602, kLogs},
      {kTooLarge, "exceed maximum block range: 5000", -32000, kLogs},
      {kTooLarge, "Requested range exceeds maximum RPC range limit", -32005, kLogs},
      {kTooLarge, "block range is too wide", -32000, kLogs},
      {kTooLarge, "range too large", -32000, kLogs},
      {kTooLarge, "exceeds max block range", -32000, kLogs},
      {kTooLarge, "Max range: 1000", -32000, kLogs},
      {kTooLarge, "logs over more than 10000", -32000, kLogs},
      {kTooLarge, "response size should not greater than 10000000 bytes", -32000, kLogs},
      {kTooLarge, "exceeds max results", -32000, kLogs},
      {kTooLarge, "content too large, max is 1", -32000, kLogs},
      {kTooLarge, "response too large", -32003},
      {kTooLarge, "Response is too big", -32008},
      {kTooLarge, "eth_getLogs is limited to a 10,000 range", -32614, kLogs},
      {kTooLarge, "eth_getLogs is limited to 0 - 50 blocks range", -32000, kLogs},
      {kTooLarge, "maximum 2048 blocks distance", -32000, kLogs},
      {kTooLarge, "ranges over 10000 blocks are not supported on freetier", 35, kLogs, 400},
      {kTooLarge, "try paginating", -32000, kLogs},
      {kTooLarge, "please specify less number of addresses", -32000, kLogs},
      {kTooLarge, "exceed max addresses or topics per search position", -32000, kLogs},
      {kTooLarge, "too many filters, current limit is 10", -32000, kLogs},
      {kTooLarge, "anything", 35, kLogs},
      {kTooLarge, "anything", -32614, kLogs},
      {kTooLarge, "anything", -38026, "eth_simulateV1"},
      {kTooLarge, "anything", -32000, kLogs, 413},
      {kTooLarge, "body too large", -32005, "eth_call", 413},
      {kTooLarge, "anything", -32008},
      {kTooLarge, "anything", -32012},
  };
  check_all(cases);
}

TEST_CASE("keys, plans and payment") {
  const Case cases[] = {
      {kAuth, "anything", -32000, "eth_call", 401},
      {kAuth, "anything", -32000, "eth_call", 402},
      {kAuth, "anything", -32000, "eth_call", 403},
      {kAuth, "you have reached the free tier limit"},
      {kAuth, "Monthly capacity limit exceeded. Visit https://x/billing"},
      {kAuth, "limit for your current plan"},
      {kAuth, "see https://dashboard.example/billing"},
      {kAuth, "Must be authenticated!", -32600},
      {kAuth, "missing access key"},
      {kAuth, "Invalid API key"},
      {kAuth, "key is inactive"},
      {kAuth, "token is invalid"},
      {kAuth, "apikey is on another chain"},
      // The key is good; others' calls must not lose the upstream.
      {kUnsupportedCall, "debug_traceCall is not included in your current plan", -32000, kTrace},
      {kUnsupportedCall, "Archive requests require a personal token", -32602},
      {kUnsupportedCall, "Archive requests require a personal token", -32602, "eth_call", 403},
  };
  check_all(cases);
}

TEST_CASE("throttled") {
  const Case cases[] = {
      {kThrottled, "anything", -32000, "eth_call", 429},
      {kThrottled, "requests limited to 15/sec"},
      {kThrottled, "Your app has exceeded its compute units per second capacity", -32005},
      {kThrottled, "Exceeded the quota usage"},
      {kThrottled, "Too Many Requests"},
      {kThrottled, "50/second request limit reached - reduce calls per second", -32007},
      {kThrottled, "rate limited"},
      {kThrottled, "over rate limit", -32016},
      {kThrottled, "limit exceeded", -32005},
      {kThrottled, "reached the quota"},
      {kThrottled, "please upgrade your tier"},
      {kThrottled, "No server available"},
      {kThrottled, "node is under too much load"},
      {kThrottled, "error code: 1015"},
      {kThrottled, "credits limited to 100"},
      {kThrottled, "CUPS limit"},
      {kThrottled, "Server is busy, try again later", -32009},
      {kThrottled, "over capacity", -32012},
      {kThrottled, "anything", -32005},
      {kThrottled, "anything", -32007},
      {kThrottled, "anything", -32009},
      {kThrottled, "anything", -32005, kSend, 503},
      // All upstreams share the sequencer that counts: another would say the same.
      {kClientFault, "sender is over rate limit", -32000, kSend},
  };
  check_all(cases);
}

TEST_CASE("not served here") {
  const Case cases[] = {
      {kUnsupported, "the method trace_block does not exist/is not available", -32601,
       "trace_block"},
      {kUnsupported, "the method trace_block does not exist/is not available", -32000,
       "trace_block"},
      {kUnsupported, "Method not found", -32601},
      {kUnsupported, "rpc method is not whitelisted", -32601, "eth_call", 403},
      {kUnsupported, "Method not enabled", -32604},
      {kUnsupported, "Unsupported method: trace_x", -32600},
      {kUnsupported, "Unsupported method", -32004},
      {kUnsupported, "is not whitelisted"},
      {kUnsupported, "the containing module is disabled"},
      {kUnsupported, "anything", -32601},
      {kUnsupported, "anything", -32604},
      {kUnsupported, "anything", -32004},
      {kUnsupported, "anything", -32612},
      {kUnsupported, "anything", -32000, "eth_call", 415},
      {kUnsupported, "anything", -32000, "eth_call", 405},
      {kUnsupportedCall, "pending block is not available"},
      {kUnsupportedCall, "safe block not found"},
      {kUnsupportedCall, "finalized block not found"},
      {kUnsupportedCall, "safe is not a supported commitment"},
      {kUnsupportedCall, "malformed blocknumber"},
      {kUnsupportedCall, "transaction type not supported"},
  };
  check_all(cases);
}

TEST_CASE("state, history, headers and transactions that this node does not have") {
  const Case cases[] = {
      {kMissing, "missing trie node 0xabc (path ) state 0xabc is not available, not found"},
      {kMissing, "historical state 0xabc is not available"},
      {kMissing, "state 0xabc is not available"},
      {kMissing, "historical state not available in path scheme yet"},
      {kMissing, "state histories haven't been fully indexed yet"},
      {kMissing, "No state available for block 5", -32002},
      {kMissing, "World state unavailable"},
      {kMissing, "state at block #100 is pruned"},
      {kMissing, "required historical state unavailable"},
      {kMissing, "old data not available due to pruning"},
      {kMissing, "metadata is not found"},
      {kMissing,
       "no historical RPC is available for this historical (pre-bedrock) execution request"},
      {kMissing, "request might be querying historical state"},
      {kMissing, "distance to target block exceeds maximum proof window", -32000, "eth_getProof"},
      {kMissing, "pruned history unavailable", 4444},
      {kMissing, "anything", 4444},
      {kMissing, "history has been pruned for this block", -32701},
      {kMissing, "block 5 has been pruned; earliest available is 9"},
      {kMissing, "Block with such an ID is pruned"},
      {kMissing, "header not found"},
      {kMissing, "header for hash not found"},
      {kMissing, "hash is not currently canonical"},
      {kMissing, "Unknown block", -39001},
      {kMissing, "Unknown block", 3},
      {kMissing, "block not found: 0x5", -32001},
      {kMissing, "could not find block"},
      {kMissing, "block body not found"},
      {kMissing, "receipts not found"},
      {kMissing, "transaction not found", -32000, "debug_traceTransaction"},
      {kMissing, "transaction indexing is in progress", -32000, "eth_getTransactionReceipt"},
      {kMissing, "invalid block range", -32000, kLogs},
      {kMissing, "requested block 9 after last accepted block 5"},
      {kMissing, "cannot query unfinalized data"},
      {kMissing, "genesis is not traceable", -32000, "debug_traceBlockByNumber"},
      {kMissing, "Invalid block param (block not found)", -32602},
      {kMissing, "insufficient funds for gas * price + value", -32000, "debug_traceTransaction"},
      {kMissing, "anything", -32001},
      {kMissing, "anything", -32002},
      {kMissing, "anything", -32014},
      {kMissing, "anything", -39001},
  };
  check_all(cases);
}

TEST_CASE("behind: not the client's fault, whatever the code says") {
  const Case cases[] = {
      {kBehind, "block range extends beyond current head block", -32602, kLogs},
      {kBehind, "request beyond head block: requested 9, head 5", -32602, kLogs},
      {kBehind, "height must be less than or equal to the current blockchain height"},
      {kBehind, "block number is greater than latest"},
      {kBehind, "block is out of range", -32019},
      {kBehind, "Initial sync is still in progress", -32008},
  };
  check_all(cases);
}

TEST_CASE("timeouts and faults of a node") {
  const Case cases[] = {
      {kTimeout, "request timed out", -32002},
      {kTimeout, "execution timeout"},
      {kTimeout, "execution aborted (timeout = 5s)"},
      {kTimeout, "Request was canceled due to enabled timeout.", -32016},
      {kTimeout, "Timeout expired", -32603, "eth_call", 408},
      {kTimeout, "Request timeout on the free tier", 30, "eth_call", 408},
      {kTimeout, "context deadline exceeded"},
      {kTimeout, "gateway timeout", -32015},
      {kTimeout, "anything", -32017, "eth_call", 503},
      {kTimeout, "anything", -32015, "eth_getBalance"},
      {kNodeFault, "Internal error", -32603},
      {kNodeFault, "Internal error"},
      {kNodeFault, "unexpected EOF"},
      {kNodeFault, "EOF"},
      {kNodeFault, "read: connection reset by peer"},
      {kNodeFault, "no backends available", -32011},
      {kNodeFault, "backend offline", -32010},
      {kNodeFault, "<html><body>", 0},
      {kNodeFault, "<!DOCTYPE html>", 0},
      {kNodeFault, "anything", -32603},
      {kNodeFault, "anything", -32000, "eth_call", 500},
      {kNodeFault, "anything", -32000, "eth_call", 502},
      {kNodeFault, "anything", -32000, "eth_call", 503},
      {kNodeFault, "anything", -32000, "eth_call", 504},
  };
  check_all(cases);
}

TEST_CASE("the client's fault, and what no rule knows") {
  const Case cases[] = {
      {kClientFault, "anything", -32600},
      {kClientFault, "anything", -32602},
      {kClientFault, "anything", -32700},
      {kClientFault, "missing value for required argument 1", -32602},
      {kClientFault, "filter not found", -32000, "eth_getFilterChanges"},
      {kClientFault, "block access list before Amsterdam", 4445, "eth_getBlockAccessList"},
      {kClientFault, "anything", -38014, "eth_simulateV1"},
      {kClientFault, "anything", -38020, "eth_simulateV1"},
      {kClientFault, "insufficient funds for gas * price + value", -32000, "eth_estimateGas"},
      {kClientFault, "nonce too low", -32000, "eth_call"},
      {kUnknownError, "a sentence that nobody has written before"},
      {kUnknownError, "", -31999},
      {kUnknownError, "", 0},
      {kUnknownError, "already known", -32000, "eth_call"},
  };
  check_all(cases);
}

TEST_CASE("what a pool says about a transaction") {
  const Case cases[] = {
      {kTxAccepted, "already known", -32000, kSend},
      {kTxAccepted, "ALREADY_EXISTS: already known", -32000, kSend},
      {kTxAccepted, "Known transaction", -32000, kSend},
      {kTxAccepted, "known transaction: 0xabc", -32000, kSend},
      {kTxAccepted, "AlreadyKnown", -32010, kSend},
      {kTxAccepted, "Transaction with the same hash was already imported.", -32010, kSend},
      {kTxAccepted, "transaction already in mempool", -32000, kSend},
      {kTxAccepted, "tx already in mempool", -32000, kSend},
      {kTxAccepted, "transaction already exists", -32000, kSend},
      {kTxAccepted, "already have transaction", -32000, kSend},
      {kTxAccepted, "anything", 1000, kSend},
      {kTxConflict, "nonce too low", -32000, kSend},
      {kTxConflict, "nonce too low: next nonce 5, tx nonce 4", -32003, kSend},
      {kTxConflict, "Nonce is too low", -32001, kSend},
      {kTxConflict, "OldNonce", -32010, kSend},
      {kTxConflict, "nonce has already been used", -32000, kSend},
      {kTxConflict, "replacement transaction underpriced", -32000, kSend},
      {kTxConflict, "could not replace existing tx", -32000, kSend},
      {kTxConflict, "anything", 1, kSend},
      {kTxConflict, "anything", -32001, kSend},
      {kTxPolicy, "transaction underpriced: tip needed 1, tip permitted 0", -32000, kSend},
      {kTxPolicy, "transaction gas price below minimum", -32000, kSend},
      {kTxPolicy, "txpool is full", -32000, kSend},
      {kTxPolicy, "account limit exceeded: pooled 64 txs", -32000, kSend},
      {kTxPolicy, "address already reserved", -32000, kSend},
      {kTxPolicy, "in-flight transaction limit reached for delegated accounts", -32000, kSend},
      {kTxPolicy, "tx fee (2.00 ether) exceeds the configured cap (1.00 ether)", -32000, kSend},
      {kTxPolicy, "exceeds block gas limit", -32000, kSend},
      {kTxPolicy, "Transaction gas limit exceeds block gas limit", -32005, kSend},
      {kTxPolicy, "oversized data: transaction size 1, limit 0", -32000, kSend},
      {kTxPolicy, "an existing/newer transaction had higher priority", -32603, kSend},
      {kTxPolicy, "transaction fee too low", -32603, kSend},
      {kTxPolicy, "rejected", -32603, kSend},
      {kTxPolicy, "only replay-protected (EIP-155) transactions allowed over RPC", -32000, kSend},
      {kTxPolicy, "gapped-nonce tx from delegated accounts", -32000, kSend},
      {kTxPolicy, "Transaction nonce is too distant from current sender nonce", -32000, kSend},
      {kTxPolicy, "transaction type not supported", -32000, kSend},
      {kTxPolicy, "anything", -32006, kSend},
      {kTxPolicy, "anything", -32009, kSend},
      {kTxPolicy, "anything", 802, kSend},
      {kTxInvalid, "insufficient funds for gas * price + value: balance 0", -32000, kSend},
      {kTxInvalid, "Upfront cost exceeds account balance", -32004, kSend},
      {kTxInvalid, "intrinsic gas too low: gas 1, minimum needed 21000", -32000, kSend},
      {kTxInvalid, "insufficient gas for floor data gas cost", -32000, kSend},
      {kTxInvalid, "invalid sender", -32000, kSend},
      {kTxInvalid, "invalid chain id for signer: have 5 want 1", -32000, kSend},
      {kTxInvalid, "invalid transaction v, r, s values", -32000, kSend},
      {kTxInvalid, "typed transaction too short", -32000, kSend},
      {kTxInvalid, "rlp: element is larger than containing list", -32000, kSend},
      {kTxInvalid, "failed to decode signed transaction", -32602, kSend},
      {kTxInvalid, "max fee per gas less than block base fee", -32000, kSend},
      {kTxInvalid, "max priority fee per gas higher than max fee per gas", -32000, kSend},
      {kTxInvalid, "max initcode size exceeded: code size 1, limit 0", -32000, kSend},
      {kTxInvalid, "sender not an eoa: address 0x1", -32000, kSend},
      {kTxInvalid, "missing blob tx sidecar", -32000, kSend},
      {kTxInvalid, "Wrong sidecar format", -32000, kSend},
      {kTxInvalid, "KZG verification error", -32000, kSend},
      {kTxInvalid, "legacy blob sidecar unsupported post-osaka", -32000, kSend},
      {kTxInvalid, "anything", 809, kSend},
      {kTxInvalid, "anything", 1001, kSend},
      {kTxInvalid, "anything", -32003, kSend},
      // Neither "unknown transaction" nor a longer sentence with "rejected" in it is what the short
      // forms mean.
      {kUnknownError, "unknown transaction type", -32000, kSend},
      {kUnknownError, "request was rejected for a reason", -32000, kSend},
      {kThrottled, "too many requests", -32000, kSend},
      {kNodeFault, "Internal error", -32603, kSend},
      // Hedged sends: success only where the answer is the hash of the bytes sent.
      {kTxAccepted, "already known", -32000, "eth_sendRawTransactionConditional"},
      {kTxConflict, "already known", -32000, "eth_sendRawTransactionSync"},
      {kTxConflict, "The transaction was added to the mempool but wasn't processed", 4,
       "eth_sendRawTransactionSync"},
      {kTxConflict, "already known", -32000, "eth_sendUserOperation"},
      {kTxConflict, "anything", 1000, "eth_sendBundle"},
  };
  check_all(cases);
}

TEST_CASE("one code, as many meanings as servers") {
  const Case cases[] = {
      {kTimeout, "request timed out", -32002},                                     // geth
      {kMissing, "No state available for block 0x5", -32002},                      // nethermind
      {kTxInvalid, "Invalid signature", -32002, kSend},                            // besu
      {kTooLarge, "response too large", -32003},                                   // geth
      {kTxConflict, "nonce too low", -32003, kSend},                               // reth
      {kTxInvalid, "Intrinsic gas exceeds gas limit", -32003, kSend},              // besu
      {kUnsupported, "Method X is unsupported", -32004},                           // EIP-1474
      {kTxInvalid, "Upfront cost exceeds account balance", -32004, kSend},         // besu
      {kTooLarge, "query returned more than 10000 results", -32005, kLogs},        // infura
      {kThrottled, "daily request count exceeded, request rate limited", -32005},  // infura
      {kThrottled, "Requests are over the concurrency limit", -32005, "eth_call",
       503},                                                              // nethermind
      {kUnsupported, "too many subscriptions", -32006, "eth_subscribe"},  // jsonrpsee
      {kTxPolicy, "Nonce too high", -32006, kSend},                       // besu
      {kThrottled, "25/second request limit reached", -32007},            // quicknode
      {kTooLarge, "Request is too big", -32007, "eth_call", 413},         // jsonrpsee
      {kTooLarge, "Response is too big", -32008},                         // jsonrpsee
      {kBehind, "Initial sync is still in progress", -32008},             // besu
      {kTimeout, "module rental timeout", -32017},                        // nethermind
      {kRevert, "execution reverted: -32016", -32015},                    // nethermind
      {kMissing, "Unknown block", 3},                                     // alchemy
      {kRevert, "execution reverted: Unknown block", 3},
  };
  check_all(cases);
}

TEST_CASE("a long message costs no more than its beginning") {
  const std::string noise(1 << 20, 'x');
  CHECK(judge({kThrottled, std::string("rate limit ") + noise}) == kThrottled);
  CHECK(judge({kUnknownError, noise + " rate limit"}) == kUnknownError);
  CHECK(judge({kRevert, "execution reverted: " + noise + " rate limit"}) == kRevert);
}
