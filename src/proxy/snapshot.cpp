// SPDX-License-Identifier: Apache-2.0
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

std::uint32_t ChainShared::wait_slot(const std::shared_ptr<upstream::Shared>& upstream) {
  std::uint32_t free = 0;
  for (std::uint32_t i = 0; i < wait_slots_.size(); ++i) {
    const auto held = wait_slots_[i].lock();
    if (held == upstream) return i;
    if (held == nullptr && wait_slots_[free].lock() != nullptr) free = i;
  }
  wait_slots_[free] = upstream;
  return free;
}

policy::UpstreamSet MethodMask::allowed(const ethereum::Method& method,
                                        std::string_view name) const {
  if (&method != &ethereum::other_method()) return by_method[method.index];
  policy::UpstreamSet set = 0;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (filters[i].allowed(method, name)) set |= policy::bit_of(i);
  }
  return set;
}

}  // namespace sluice::proxy
