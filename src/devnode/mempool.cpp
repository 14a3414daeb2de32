// SPDX-License-Identifier: Apache-2.0
#include "devnode/mempool.hpp"

#include <algorithm>

namespace sluice::devnode {

bool Mempool::add(const Bytes32& hash, std::uint64_t head) {
  const std::lock_guard lock(mutex_);
  if (!blocks_.emplace(hash, head + 1).second) return false;
  if (order_.size() < kMax) {
    order_.push_back(hash);
  } else {
    Bytes32& oldest = order_[added_ % kMax];
    blocks_.erase(oldest);
    oldest = hash;
  }
  ++added_;
  return true;
}

std::optional<std::uint64_t> Mempool::block_of(const Bytes32& hash) const {
  const std::lock_guard lock(mutex_);
  const auto at = blocks_.find(hash);
  if (at == blocks_.end()) return std::nullopt;
  return at->second;
}

std::size_t Mempool::position() const {
  const std::lock_guard lock(mutex_);
  return added_;
}

std::vector<Bytes32> Mempool::since(std::size_t position) const {
  const std::lock_guard lock(mutex_);
  std::vector<Bytes32> hashes;
  for (std::size_t i = std::max(position, added_ - order_.size()); i < added_; ++i) {
    hashes.push_back(order_[i % kMax]);
  }
  return hashes;
}

}  // namespace sluice::devnode
