// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "devnode/chain.hpp"

namespace sluice::devnode {

/// The state of the simulated chain: each answer is a pure function of its arguments and the block,
/// so that a test can tell an answer of one block from that of another. All append a JSON value
/// without quotes.

/// Wei: a few hundred to a few thousand ether, different in every block.
void append_balance(std::string& out, const Chain& chain, const Address& address,
                    std::uint64_t block);
/// Transactions sent so far; grows with the block number.
[[nodiscard]] std::uint64_t nonce_at(const Chain& chain, const Address& address,
                                     std::uint64_t block) noexcept;
/// Some bytes for the chain's tokens, 0x for all others.
void append_code(std::string& out, const Chain& chain, const Address& address);
void append_storage(std::string& out, const Chain& chain, const Address& address,
                    const Bytes32& slot, std::uint64_t block);

/// What a call gives: the token's name, symbol, decimals; for any other input one 32-byte word that
/// depends on `to`, `input` and the block. An input that starts with kRevertSelector reverts.
struct CallAnswer {
  bool reverted = false;
};
inline constexpr std::string_view kRevertSelector = "0xdeadbeef";
[[nodiscard]] CallAnswer append_call(std::string& out, const Chain& chain, std::string_view to,
                                     std::string_view input, std::uint64_t block);
/// ABI encoding of Error(string).
void append_revert_data(std::string& out, std::string_view reason);
[[nodiscard]] std::uint64_t estimate_gas(std::string_view input) noexcept;

}  // namespace sluice::devnode
