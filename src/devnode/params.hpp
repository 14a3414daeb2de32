// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "devnode/methods.hpp"

namespace sluice::devnode {

/// The block that a parameter means. `number` may lie above the head; nothing when a hash is
/// unknown.
struct BlockChoice {
  std::optional<std::uint64_t> number;
  bool pending = false;
  bool by_hash = false;

  [[nodiscard]] bool known(std::uint64_t head) const noexcept { return number && *number <= head; }
};

/// Distances of the tags from the head, about those of the main network.
inline constexpr std::uint64_t kSafeDepth = 32;
inline constexpr std::uint64_t kFinalizedDepth = 64;

/// These read parameter `i` and put geth's error into the context when it is malformed (then they
/// give nothing).

/// A tag, a number, a block hash, or an EIP-1898 object; absent means latest. A pending choice has
/// the head as number.
[[nodiscard]] std::optional<BlockChoice> block_param(Context& context, std::size_t i);
[[nodiscard]] std::optional<BlockChoice> block_token(Context& context, std::size_t i,
                                                     std::string_view token);
/// A block whose state is asked for: unknown and pruned blocks are errors.
[[nodiscard]] std::optional<std::uint64_t> state_block_param(Context& context, std::size_t i);
[[nodiscard]] std::optional<Address> address_param(Context& context, std::size_t i);
[[nodiscard]] std::optional<Bytes32> hash_param(Context& context, std::size_t i);
[[nodiscard]] std::optional<std::uint64_t> quantity_param(Context& context, std::size_t i);

/// The filter object of eth_getLogs, eth_newFilter and logs subscriptions, without its block range.
[[nodiscard]] std::optional<LogFilter> log_filter_param(Context& context, std::size_t i);

}  // namespace sluice::devnode
