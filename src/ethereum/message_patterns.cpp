// SPDX-License-Identifier: Apache-2.0
#include "ethereum/message_patterns.hpp"

#include <algorithm>
#include <span>

namespace sluice::ethereum {
namespace {

using enum Outcome;

enum class Where : std::uint8_t { kAnywhere, kStart, kWhole };
using enum Where;

/// Lower case throughout. With `then`, that text must follow `text`, with anything between.
struct Pattern {
  std::string_view text;
  std::string_view then = {};
  Where where = kAnywhere;
  /// Counts under a code that blames the request, although it blames the upstream.
  bool with_request_code = false;
};

struct Group {
  Outcome outcome;
  std::span<const Pattern> patterns;
};

bool fits(const Pattern& pattern, std::string_view text) noexcept {
  if (pattern.where == kWhole) return text == pattern.text;
  const auto at = pattern.where == kStart ? (text.starts_with(pattern.text) ? 0 : text.npos)
                                          : text.find(pattern.text);
  if (at == text.npos) return false;
  return pattern.then.empty() || text.find(pattern.then, at + pattern.text.size()) != text.npos;
}

// clang-format off

// Reverts and halts of geth, reth and revm, besu, nethermind, erigon, hardhat and anvil.
constexpr Pattern kReverts[] = {
    {"execution reverted"}, {"vm execution error"}, {"vm exception while processing"}, {"transaction: revert"},
    {"reverted 0x"}, {"evm error"}, {"invalid opcode"}, {"out of gas"}, {"gas required exceeds allowance"},
    {"invalid jump destination"}, {"stack underflow"}, {"stack limit reached"}, {"stack overflow"}, {"write protection"},
    {"return data out of bounds"}, {"gas uint64 overflow"}, {"contract address collision"}, {"max code size exceeded"},
    {"max call depth exceeded"}, {"insufficient balance for transfer"}, {"invalid code: must not begin with 0xef"},
};

// A tracer is a program of the caller's: what it throws is the caller's text.
constexpr Pattern kTracers[] = {
    {"in server-side tracer function"}, {"syntaxerror", {}, kStart}, {"referenceerror", {}, kStart},
    {"typeerror", {}, kStart}, {"rangeerror", {}, kStart},
};

constexpr Pattern kAccepted[] = {
    {"already known"}, {"known transaction", {}, kStart}, {"alreadyknown"}, {"already imported"},
    {"transaction already in mempool"}, {"tx already in mempool"}, {"transaction already exists"},
    {"already have transaction"},
};

constexpr Pattern kConflicts[] = {
    {"nonce too low"}, {"nonce is too low"}, {"oldnonce"}, {"nonce has already been used"},
    {"replacement transaction underpriced"}, {"could not replace existing tx"},
};

// A sequencer counts per sender, and all upstreams of the chain share it: the client's own, not a node's, limit.
constexpr Pattern kSenderLimits[] = {{"sender is over rate limit"}};

constexpr Pattern kPolicies[] = {
    {"transaction underpriced"}, {"transaction gas price below minimum"}, {"gas price below configured minimum"},
    {"txpool is full"}, {"transaction pool is full"}, {"account limit exceeded"}, {"address already reserved"},
    {"in-flight transaction limit"}, {"tx fee (", "exceeds the configured cap"}, {"exceeds block gas limit"},
    {"oversized data"}, {"existing/newer transaction had higher priority"}, {"transaction fee too low"},
    {"rejected", {}, kWhole}, {"only replay-protected (eip-155) transactions allowed"}, {"gapped-nonce tx"},
    {"transaction nonce is too distant"}, {"nonce too high"}, {"transaction type not supported"},
};

constexpr Pattern kInvalids[] = {
    {"insufficient funds"}, {"upfront cost exceeds account balance"}, {"intrinsic gas too low"}, {"floor data gas"},
    {"invalid sender"}, {"invalid chain id"}, {"invalid transaction v, r, s"}, {"typed transaction too short"},
    {"rlp: "}, {"failed to decode signed transaction"}, {"max fee per gas less than block base fee"},
    {"max priority fee per gas higher than max fee"}, {"max initcode size exceeded"}, {"sender not an eoa"},
    {"sender is not an eoa"}, {"missing blob tx sidecar"}, {"wrong sidecar format"}, {"kzg verification error"},
    {"legacy blob sidecar unsupported"},
};

constexpr Pattern kTooLarges[] = {
    {"query returned more than"}, {"log response size exceeded"}, {"this block range should work"},
    {"try with this block range"}, {"query exceeds max results"}, {"query exceeds max block range"},
    {"exceed maximum block range"}, {"requested range exceeds maximum rpc range limit"},
    {"block range is too wide"}, {"range too large"}, {"max block range"}, {"max range"}, {"logs over more"},
    {"response size should not"}, {"exceeds max results"}, {"too large, max is"}, {"response too large"},
    {"response is too big"}, {"limited to a"}, {"eth_getlogs is limited"}, {"maximum", "blocks distance"},
    {"ranges over", "blocks are not supported"}, {"try paginating"}, {"specify less number of address"},
    {"addresses or topics per search position"}, {"filters", "current limit is"}, {"batch too large"},
    {"request is too big"}, {"request body too large"},
};

constexpr Pattern kAuths[] = {
    {"reached the free tier"}, {"monthly capacity limit"}, {"limit for your current plan"}, {"/billing"},
    {"be authenticated", {}, kAnywhere, true}, {"access key"}, {"invalid api key"}, {"key is inactive"},
    {"token is invalid"}, {"apikey is on another chain"}, {"not included in your current plan"},
    {"archive requests require a personal token", {}, kAnywhere, true},
};

constexpr Pattern kThrottles[] = {
    {"requests limited to"}, {"has exceeded"}, {"exceeded its compute units"}, {"exceeded the quota"},
    {"too many requests"}, {"request limit reached"}, {"rate limit"}, {"limit exceeded"}, {"reached the quota"},
    {"upgrade your tier"}, {"no server available"}, {"under too much load"}, {"code: 1015"}, {"credits limited to"},
    {"cups limit"}, {"server is busy"}, {"over capacity"}, {"concurrency limit"}, {"too many connections"},
};

constexpr Pattern kUnsupporteds[] = {
    {"method not found"}, {"method not enabled"}, {"unsupported method", {}, kStart, true},
    {"is not whitelisted"}, {"containing module is disabled"},
};

constexpr Pattern kUnsupportedCalls[] = {
    {"pending block is not available"}, {"safe block not found"}, {"finalized block not found"},
    {"is not a supported commitment"}, {"malformed blocknumber"}, {"not supported"},
};

constexpr Pattern kMissings[] = {
    // State, by each client's way of keeping it.
    {"missing trie node"}, {"state ", " is not available"}, {"historical state not available"},
    {"state histories haven't been fully indexed"}, {"no state available for block"}, {"world state unavailable"},
    {"state at block #", "is pruned"}, {"required historical state unavailable"},
    {"old data not available due to pruning"}, {"metadata is not found"}, {"no historical rpc is available"},
    {"request might be querying historical state"}, {"exceeds maximum proof window"},
    // Bodies and receipts.
    {"pruned history unavailable"}, {"history has been pruned"}, {"has been pruned; earliest available"},
    {"block with such an id is pruned"},
    // Headers, blocks and transactions: not yet here, or no more.
    {"header not found"}, {"header for hash not found"}, {"hash is not currently canonical"}, {"unknown block"},
    {"block not found"}, {"could not find block"}, {"block body not found"}, {"receipts not found"},
    {"transaction not found"}, {"transaction indexing is in progress"}, {"invalid block range"},
    {"after last accepted block"}, {"cannot query unfinalized"}, {"genesis is not traceable"},
};

constexpr Pattern kBehinds[] = {
    {"block range extends beyond current head block"}, {"request beyond head block"},
    {"height must be less than or equal"}, {"greater than latest"}, {"block is out of range"},
    {"initial sync"},
};

constexpr Pattern kTimeouts[] = {
    {"request timed out"}, {"execution timeout"}, {"execution aborted (timeout"},
    {"request was canceled due to enabled timeout"}, {"timeout expired"}, {"request timeout on the free tier"},
    {"context deadline exceeded"}, {"gateway timeout"}, {"gateway time-out"},
};

constexpr Pattern kNodeFaults[] = {
    {"<html"}, {"<!doctype"}, {"internal error"}, {"internal server error"}, {"unexpected eof"}, {"eof", {}, kWhole},
    {"connection reset"}, {"connection refused"}, {"no backend"}, {"backend offline"}, {"method handler crashed"},
};

constexpr Pattern kArguments[] = {
    {"invalid argument", {}, kStart}, {"missing value for required argument", {}, kStart},
    {"too many arguments", {}, kStart}, {"non-array args", {}, kStart}, {"cannot unmarshal"}, {"parse error", {}, kStart},
    {"filter not found"},
};

constexpr Pattern kMethods[] = {
    {"the method ", "does not exist", kStart}, {"the method ", "is not available", kStart},
};

constexpr Pattern kPlans[] = {
    {"not included in your current plan"}, {"archive requests require a personal token"},
};

// Accepted before the rest: some pools say "already known" and a reason in one message.
constexpr Group kTransaction[] = {
    {kTxAccepted, kAccepted}, {kTxConflict, kConflicts}, {kClientFault, kSenderLimits}, {kTxPolicy, kPolicies},
    {kTxInvalid, kInvalids},
};

// Ranges first, since providers word them as limits; then money, then rates.
constexpr Group kGeneral[] = {
    {kTooLarge, kTooLarges}, {kAuth, kAuths}, {kThrottled, kThrottles}, {kUnsupported, kUnsupporteds},
    {kUnsupportedCall, kUnsupportedCalls}, {kBehind, kBehinds}, {kMissing, kMissings}, {kTimeout, kTimeouts},
    {kNodeFault, kNodeFaults},
};

// clang-format on

/// Whether an outcome has a lasting effect on the upstream.
constexpr bool blames_upstream(Outcome outcome) noexcept {
  return outcome == kAuth || outcome == kThrottled || outcome == kUnsupported ||
         outcome == kTimeout || outcome == kNodeFault;
}

bool any_fits(std::span<const Pattern> patterns, std::string_view text) noexcept {
  return std::ranges::any_of(patterns, [&](const Pattern& pattern) { return fits(pattern, text); });
}

std::optional<Outcome> first_fit(std::span<const Group> groups, std::string_view text) noexcept {
  for (const Group& group : groups) {
    if (any_fits(group.patterns, text)) return group.outcome;
  }
  return std::nullopt;
}

}  // namespace

LoweredText::LoweredText(std::string_view text) noexcept
    : size_(std::min(text.size(), chars_.size())) {
  for (std::size_t i = 0; i < size_; ++i) {
    const char c = text[i];
    chars_[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
}

bool matches_halt(std::string_view lowered) noexcept {
  return any_fits(kReverts, lowered);
}

bool matches_tracer_failure(std::string_view lowered) noexcept {
  return any_fits(kTracers, lowered);
}

bool rejects_method(std::string_view lowered) noexcept {
  return any_fits(kMethods, lowered);
}

bool rejects_argument(std::string_view lowered) noexcept {
  return any_fits(kArguments, lowered);
}

bool beyond_plan(std::string_view lowered) noexcept {
  return any_fits(kPlans, lowered);
}

std::optional<Outcome> match_transaction(std::string_view lowered) noexcept {
  return first_fit(kTransaction, lowered);
}

std::optional<Outcome> match_general(std::string_view lowered, bool blames_request) noexcept {
  if (!blames_request) return first_fit(kGeneral, lowered);
  for (const Group& group : kGeneral) {
    const bool narrow = blames_upstream(group.outcome);
    const auto counts = [&](const Pattern& pattern) {
      return (!narrow || pattern.with_request_code) && fits(pattern, lowered);
    };
    if (std::ranges::any_of(group.patterns, counts)) return group.outcome;
  }
  return std::nullopt;
}

}  // namespace sluice::ethereum
