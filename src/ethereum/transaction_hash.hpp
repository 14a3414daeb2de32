// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "ethereum/keccak.hpp"

namespace sluice::ethereum {

/// The id of a signed transaction, from the `0x…` text (no quotes) that eth_sendRawTransaction
/// takes. Legacy transactions (EIP-155) and the types 1 (EIP-2930), 2 (EIP-1559) and 4 (EIP-7702)
/// hash as submitted. Type 3 (EIP-4844) is submitted as `0x03 ‖ rlp([tx, …sidecar])` but hashes as
/// `0x03 ‖ rlp(tx)`. kInvalid/kClient for text that is not hex, for lengths that do not add up, and
/// for other types, whose hashing rule their chain may have changed. Only the envelope is checked:
/// no signature, no chain id. Reads the text in blocks, so that a transaction with blobs needs no
/// buffer of its size; the blobs are not read at all.
[[nodiscard]] Result<Hash> transaction_hash(std::string_view raw_hex);

/// Keccak-256 of the bytes written as `0x…` text (no quotes): the answer of web3_sha3.
/// kInvalid/kClient when not hex.
[[nodiscard]] Result<Hash> keccak256_of_hex(std::string_view hex);

}  // namespace sluice::ethereum
