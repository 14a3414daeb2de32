// SPDX-License-Identifier: Apache-2.0
// THE table of methods: all that Sluice knows about a JSON-RPC method of an Ethereum node. Routing,
// retries, hedges, caching, cost, exposure, breakers and metric labels are read from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::ethereum {

enum class Kind : std::uint8_t {
  kRead,
  /// Changes the chain: a transaction or a bundle is broadcast.
  kWrite,
  /// Changes the one node that is asked, or uses a key it holds.
  kNodeLocal,
  /// Makes or uses state that only one upstream holds: filters, subscriptions.
  kStateful,
};

/// What may be done with a call that was sent and not answered well.
enum class Resend : std::uint8_t {
  /// Retry and hedge.
  kFreely,
  /// Retry on failure; a hedge would double work that is heavy already.
  kRetry,
  /// A broadcast: sending the same bytes again, anywhere, is harmless, as the transaction's hash
  /// identifies it.
  kByHash,
  /// Bound to one upstream: once bytes have left, neither again nor elsewhere.
  kPinned,
  kNever,
};

enum class Exposure : std::uint8_t {
  /// Fit even for a public endpoint.
  kAllowed,
  /// A public endpoint would ask for opt-in (heavy, stateful, of one vendor); allowed by default
  /// before one's own nodes.
  kOptIn,
  /// Denied by name unless the configuration allows it by name. A denied method with a `local`
  /// answer gets that answer.
  kDenied,
};

/// Where a call names the block it is about.
enum class BlockAt : std::uint8_t {
  kNone,
  /// params[index] is a number, a tag, a hash, or an object with blockNumber or blockHash
  /// (EIP-1898); missing means `latest`.
  kParam,
  /// params[index] is a block hash.
  kHash,
  /// params[index] is an object with fromBlock and toBlock, or blockHash.
  kRange,
  /// params[index].stateBlockNumber; missing means `latest`.
  kStateField,
};

struct BlockParam {
  BlockAt at = BlockAt::kNone;
  std::uint8_t index = 0;
};

/// For how long an answer stays true. Nulls, errors and the tag `pending` are never cached,
/// whatever the row says.
enum class CacheRule : std::uint8_t {
  kNever,
  kStatic,
  /// Addressed by a block hash: for ever.
  kByHash,
  /// By the block that block_ref() finds: for ever once final, else until that height is
  /// reorganised.
  kByBlock,
  /// A range of blocks: for ever once its upper end is final, else until the next head.
  kByRange,
  /// Addressed by a transaction hash: judged by the block number inside the answer.
  kByTransaction,
  kUntilHead,
};

/// Comparable: a heavier class is greater.
enum class CostClass : std::uint8_t { kCheap = 1, kMedium = 2, kHeavy = 3, kVeryHeavy = 4 };

/// What a null result says.
enum class NullMeaning : std::uint8_t {
  /// A real answer.
  kFinal,
  /// The node may lag, prune or not index: another may know.
  kLater,
  /// As kLater, and an empty array too.
  kLaterIfEmpty,
};

/// Coarse classes for breakers, balancing and metrics, so that a broken trace_ module does not cut
/// off eth_.
enum class MethodClass : std::uint8_t {
  kCheapRead,
  kStateRead,
  kCall,
  kLogs,
  kBlock,
  kTrace,
  kWrite,
  kFilter,
  kSubscription,
  kOther,
};
inline constexpr std::size_t kMethodClasses = 10;

/// The label of a class in metrics and logs: `cheap_read`, `state_read`, …
[[nodiscard]] std::string_view word(MethodClass klass) noexcept;

/// Answers that Sluice can give without an upstream.
enum class LocalAnswer : std::uint8_t {
  kNone,
  kChainId,
  kNetVersion,
  kClientVersion,
  kSha3,
  kBlockNumber,
  kSyncing,
  kTrue,
  kFalse,
  kZeroQuantity,
  kEmptyArray,
};

/// One row. Rows are constants with static lifetime: compare and keep references freely, from any
/// thread.
struct Method {
  std::string_view name;
  /// Dense, 0 … methods().size() - 1: for arrays of counters.
  std::uint16_t index;
  Kind kind;
  Resend resend;
  BlockParam block;
  CacheRule cache;
  CostClass cost;
  /// Relative work of one call where an eth_chainId is 1: for budgets and fair queues. 1 … 60.
  std::uint16_t weight;
  Exposure exposure;
  NullMeaning null_meaning;
  MethodClass klass;
  LocalAnswer local;
};

/// Whether a call that failed half-way may have changed something that its caller must know of.
[[nodiscard]] constexpr bool changes_state(const Method& method) noexcept {
  return method.kind == Kind::kWrite || method.kind == Kind::kNodeLocal;
}

/// All rows in index order. The last is the row of unknown methods, with the name `other`.
[[nodiscard]] std::span<const Method> methods() noexcept;

/// The row of unknown methods: never resent, never cached.
[[nodiscard]] const Method& other_method() noexcept;

/// The row of a name as it stands on the wire (case matters, no escapes), else other_method().
/// O(1), no allocation.
[[nodiscard]] const Method& find(std::string_view name) noexcept;

}  // namespace sluice::ethereum
