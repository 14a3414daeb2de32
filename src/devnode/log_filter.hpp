// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "devnode/chain.hpp"

namespace sluice::devnode {

/// Which logs are wanted, by address and by topic position. Empty lists take anything.
struct LogFilter {
  std::vector<Address> addresses;
  std::vector<std::vector<Bytes32>> topics;

  [[nodiscard]] bool matches(const Transaction& transaction) const;
};

/// A log of a block: its transaction and its number within the block.
struct PlacedLog {
  Transaction transaction;
  std::uint32_t index;
};

/// The matching logs of one block, in order.
[[nodiscard]] std::vector<PlacedLog> matching_logs(const Chain& chain, const LogFilter& filter,
                                                   std::uint64_t block);
}  // namespace sluice::devnode
