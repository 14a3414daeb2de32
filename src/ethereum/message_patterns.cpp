// SPDX-License-Identifier: Apache-2.0
#include "ethereum/message_patterns.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <span>

namespace sluice::ethereum {
namespace {

enum class Where : std::uint8_t { kAnywhere, kStart, kWhole };
using enum Where;

/// Lower case, and of at least four characters unless it is the whole message. With `then`, that
/// text must follow `text`, with anything between.
struct Pattern {
  std::string_view text;
  std::string_view then = {};
  Where where = kAnywhere;
  /// Counts beside a code that blames the request, although it has a lasting effect on the
  /// upstream.
  bool with_request_code = false;
};

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

// clang-format on

/// In the order of Phrase.
constexpr std::array<std::span<const Pattern>, static_cast<std::size_t>(Phrase::kNone)> kTables = {
    kReverts,          kTracers,  kMethods,  kArguments, kPlans,     kAccepted,  kConflicts,
    kSenderLimits,     kPolicies, kInvalids, kTooLarges, kAuths,     kThrottles, kUnsupporteds,
    kUnsupportedCalls, kBehinds,  kMissings, kTimeouts,  kNodeFaults};

constexpr bool has_lasting_effect(Phrase phrase) noexcept {
  return phrase == Phrase::kAuth || phrase == Phrase::kThrottle || phrase == Phrase::kUnsupported ||
         phrase == Phrase::kTimeout || phrase == Phrase::kNodeFault;
}

// All patterns are looked for at once: each hangs in a chain under the hash of its first four
// characters, and each place of the message is a look into one chain, most of which are empty.
constexpr std::size_t kKeyChars = 4;
constexpr unsigned kHashBits = 11;
constexpr std::uint16_t kEnd = 0xffff;

constexpr std::size_t chain_of(std::uint32_t key) noexcept {
  return (key * 0x9e3779b1U) >> (32 - kHashBits);
}

constexpr std::uint32_t load_key(const char* chars, std::size_t size) noexcept {
  std::uint32_t key = 0;
  for (std::size_t i = 0; i < std::min(size, kKeyChars); ++i) {
    key |= static_cast<std::uint32_t>(static_cast<unsigned char>(chars[i])) << (8 * i);
  }
  return key;
}

constexpr std::size_t kPatterns = [] {
  std::size_t count = 0;
  for (const auto table : kTables) count += table.size();
  return count;
}();

struct Entry {
  const Pattern* pattern = nullptr;
  Phrase phrase = Phrase::kNone;
  std::uint16_t next = kEnd;
};

struct Index {
  std::array<std::uint16_t, std::size_t{1} << kHashBits> heads{};
  std::array<Entry, kPatterns> entries{};
};

constexpr Index kIndex = [] {
  Index index;
  index.heads.fill(kEnd);
  std::size_t used = 0;
  for (std::size_t table = 0; table < kTables.size(); ++table) {
    for (const Pattern& pattern : kTables[table]) {
      auto& head = index.heads[chain_of(load_key(pattern.text.data(), pattern.text.size()))];
      index.entries[used] = {&pattern, static_cast<Phrase>(table), head};
      head = static_cast<std::uint16_t>(used++);
    }
  }
  return index;
}();

static_assert(std::ranges::all_of(kIndex.entries, [](const Entry& entry) {
  return entry.pattern->text.size() >= kKeyChars || entry.pattern->where == kWhole;
}));

/// A message in lower case, with zeros behind it so that a key can be read at every place.
struct Lowered {
  static constexpr std::size_t kMax = 512;

  explicit Lowered(std::string_view text) noexcept : size(std::min(text.size(), kMax)) {
    for (std::size_t i = 0; i < size; ++i) {
      const char c = text[i];
      chars[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    std::fill_n(chars.begin() + static_cast<std::ptrdiff_t>(size), kKeyChars, '\0');
  }
  [[nodiscard]] std::string_view view() const noexcept { return {chars.data(), size}; }

  std::array<char, kMax + kKeyChars> chars;
  std::size_t size;
};

bool fits(const Pattern& pattern, std::string_view text, std::size_t at) noexcept {
  if (pattern.where != kAnywhere && at != 0) return false;
  if (pattern.where == kWhole && text.size() != pattern.text.size()) return false;
  const auto rest = text.substr(at);
  return rest.starts_with(pattern.text) &&
         (pattern.then.empty() || rest.find(pattern.then, pattern.text.size()) != rest.npos);
}

}  // namespace

Phrases::Phrases(std::string_view message) noexcept {
  const Lowered lowered(message);
  const auto text = lowered.view();
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto slot = kIndex.heads[chain_of(load_key(text.data() + at, kKeyChars))];
    while (slot != kEnd) {
      const Entry& entry = kIndex.entries[slot];
      slot = entry.next;
      if (has(entry.phrase) && !entry.pattern->with_request_code) continue;
      if (!fits(*entry.pattern, text, at)) continue;
      found_ |= bit(entry.phrase);
      if (!has_lasting_effect(entry.phrase) || entry.pattern->with_request_code) {
        beside_request_ |= bit(entry.phrase);
      }
    }
    if (has(Phrase::kHalt)) return;
  }
}

Phrase Phrases::lowest(std::uint32_t set, Phrase from, Phrase to) noexcept {
  const std::uint32_t range = (bit(to) << 1) - bit(from);
  const std::uint32_t within = set & range;
  return within == 0 ? Phrase::kNone : static_cast<Phrase>(std::countr_zero(within));
}

}  // namespace sluice::ethereum
