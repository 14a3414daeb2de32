// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "devnode/text.hpp"

namespace sluice::devnode {

/// The moment at which every simulated chain is at `first_block`: 2025-01-01T00:00:00Z. A fixed
/// epoch lets processes that were started at different times agree on the head.
inline constexpr std::uint64_t kEpoch = 1735689600;

/// What makes two nodes answer alike. Hashes, transactions and state follow from seed, chain id and
/// block number alone; `interval` and `first_block` only place the blocks in time.
struct ChainSpec {
  std::uint64_t seed = 1;
  std::uint64_t chain_id = 31337;
  /// Time between blocks; zero: blocks come only by mining, and their timestamps are one second
  /// apart.
  Duration interval = std::chrono::seconds(1);
  /// The head at kEpoch, or at the start of a chain that is mined by hand.
  std::uint64_t first_block = 1024;
  /// Mean number of transactions in a block; a block has between 1 and twice as many minus 1. At
  /// most 1024.
  unsigned transactions = 4;
};

struct TransactionPlace {
  std::uint64_t block;
  std::uint32_t index;
};

/// A transfer of a token (one Transfer log) or, for every fourth on average, of ether (no log).
struct Transaction {
  Bytes32 hash;
  TransactionPlace place;
  Address from;
  Address to;
  Address recipient;  ///< second topic of the log
  std::uint64_t value;
  std::uint64_t nonce;
  std::uint64_t gas_used;
  std::uint64_t tip;
  bool token;
};

/// The simulated chain: a pure function of its spec. Nothing is stored, so every block from genesis
/// to the head can be asked for at the same cost. A hash carries its block number (and index)
/// through a bijection, which is how a lookup by hash finds its block without an index. Immutable;
/// shared by all threads. Hashes are not Keccak of the content.
class Chain {
 public:
  explicit Chain(const ChainSpec& spec);

  [[nodiscard]] const ChainSpec& spec() const noexcept { return spec_; }
  /// The head at `unix_seconds`; first_block before the epoch or when blocks are mined by hand.
  [[nodiscard]] std::uint64_t head_at(double unix_seconds) const noexcept;
  /// When block `number` appears, in seconds since the Unix epoch.
  [[nodiscard]] double appears_at(std::uint64_t number) const noexcept;
  [[nodiscard]] std::uint64_t timestamp(std::uint64_t number) const noexcept;

  [[nodiscard]] Bytes32 block_hash(std::uint64_t number) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> block_of(const Bytes32& hash) const noexcept;
  /// Any other 32-byte root that a header names.
  [[nodiscard]] Bytes32 root(std::string_view kind, std::uint64_t number) const noexcept;
  /// Wei; moves from block to block within 1 to 2 gwei.
  [[nodiscard]] std::uint64_t base_fee(std::uint64_t number) const noexcept;

  [[nodiscard]] std::uint32_t transaction_count(std::uint64_t number) const noexcept;
  [[nodiscard]] Bytes32 transaction_hash(TransactionPlace place) const noexcept;
  [[nodiscard]] std::optional<TransactionPlace> place_of(const Bytes32& hash) const noexcept;
  /// `place.index` below transaction_count.
  [[nodiscard]] Transaction transaction(TransactionPlace place) const noexcept;

  [[nodiscard]] Address token(std::uint64_t index) const noexcept;  ///< one of kTokens contracts
  [[nodiscard]] Address account(std::uint64_t index) const noexcept;
  [[nodiscard]] bool is_token(const Address& address) const noexcept;

  /// A word that depends on the spec, `domain` and both arguments.
  [[nodiscard]] std::uint64_t word(std::uint64_t domain, std::uint64_t a,
                                   std::uint64_t b) const noexcept;
  /// The same over bytes.
  [[nodiscard]] std::uint64_t digest(std::string_view bytes, std::uint64_t b) const noexcept;
  [[nodiscard]] Bytes32 bytes32(std::uint64_t domain, std::uint64_t a,
                                std::uint64_t b) const noexcept;

  static constexpr std::uint64_t kTokens = 4;
  static constexpr std::uint64_t kAccounts = 64;

 private:
  [[nodiscard]] Bytes32 seal(std::uint64_t domain, std::uint64_t value) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> unseal(std::uint64_t domain,
                                                    const Bytes32& hash) const noexcept;

  ChainSpec spec_;
  std::uint64_t key_;
};

}  // namespace sluice::devnode
