// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "devnode/chain.hpp"

namespace sluice::devnode {

/// Which log of the chain: transaction `place`, whose only log has number `index` within the block.
struct LogPlace {
  TransactionPlace place;
  std::uint32_t index;
};

/// A raw transaction that was sent to the node; `block` is where it is mined, `mined` whether that
/// block exists.
struct SentView {
  Bytes32 hash;
  std::uint64_t block = 0;
  bool mined = false;
};

/// All of these append one JSON value, in the field sets that geth gives after the Cancun fork, so
/// that the formatters of ethers and viem accept them.

/// The header as newHeads shows it: without transactions.
void append_header(std::string& out, const Chain& chain, std::uint64_t number);
void append_block(std::string& out, const Chain& chain, std::uint64_t number, bool full);
/// The block after `head`, empty, with the nulls that a pending block has.
void append_pending_block(std::string& out, const Chain& chain, std::uint64_t head);
void append_transaction(std::string& out, const Chain& chain, TransactionPlace place);
void append_receipt(std::string& out, const Chain& chain, TransactionPlace place);
void append_block_receipts(std::string& out, const Chain& chain, std::uint64_t number);
void append_log(std::string& out, const Chain& chain, const Transaction& transaction,
                std::uint32_t log_index);
void append_sent_transaction(std::string& out, const Chain& chain, const SentView& sent);
void append_sent_receipt(std::string& out, const Chain& chain, const SentView& sent);

/// The input of a token transfer, ABI encoded, as 0x data without quotes.
void append_transfer_input(std::string& out, const Transaction& transaction);

/// keccak256("Transfer(address,address,uint256)").
extern const Bytes32 kTransferTopic;
[[nodiscard]] Bytes32 topic_of(const Address& address) noexcept;

}  // namespace sluice::devnode
