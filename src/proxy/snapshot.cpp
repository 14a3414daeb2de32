// SPDX-License-Identifier: Apache-2.0
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

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
