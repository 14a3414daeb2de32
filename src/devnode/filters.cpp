// SPDX-License-Identifier: Apache-2.0
#include "devnode/filters.hpp"

#include <algorithm>
#include <utility>

namespace sluice::devnode {

std::uint64_t FilterTable::install(Filter filter) {
  const std::lock_guard lock(mutex_);
  if (filters_.size() >= kMax) filters_.erase(filters_.begin());
  filters_.emplace(++last_id_, std::move(filter));
  return last_id_;
}

bool FilterTable::uninstall(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  return filters_.erase(id) > 0;
}

std::optional<Filter> FilterTable::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto at = filters_.find(id);
  if (at == filters_.end()) return std::nullopt;
  return at->second;
}

std::optional<Filter> FilterTable::drain(std::uint64_t id, std::uint64_t next_block,
                                         std::size_t next_pending) {
  const std::lock_guard lock(mutex_);
  const auto at = filters_.find(id);
  if (at == filters_.end()) return std::nullopt;
  Filter before = at->second;
  at->second.next_block = std::max(before.next_block, next_block);
  at->second.next_pending = next_pending;
  return before;
}

std::size_t FilterTable::size() const {
  const std::lock_guard lock(mutex_);
  return filters_.size();
}

}  // namespace sluice::devnode
