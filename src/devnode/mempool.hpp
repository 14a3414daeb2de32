// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "devnode/text.hpp"

namespace sluice::devnode {

/// The raw transactions that were sent: hash -> the block that holds it, which is the one after the
/// head at sending. Owned by one node, or shared by several nodes of a process so that a
/// transaction sent to one is found on all. Any thread. Holds the newest kMax transactions; older
/// ones are forgotten. Does not decode them.
class Mempool {
 public:
  /// False when the hash is known already.
  bool add(const Bytes32& hash, std::uint64_t head);
  /// The block in which the transaction is mined, once the head has reached it.
  [[nodiscard]] std::optional<std::uint64_t> block_of(const Bytes32& hash) const;
  /// Ever added; a position for `since`.
  [[nodiscard]] std::size_t position() const;
  /// The hashes added from `position` on, as far as they are still held.
  [[nodiscard]] std::vector<Bytes32> since(std::size_t position) const;

 private:
  static constexpr std::size_t kMax = 65536;

  mutable std::mutex mutex_;
  std::map<Bytes32, std::uint64_t> blocks_;
  std::vector<Bytes32> order_;  ///< ring of the newest kMax
  std::size_t added_ = 0;
};

}  // namespace sluice::devnode
