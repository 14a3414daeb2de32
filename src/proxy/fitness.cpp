// SPDX-License-Identifier: Apache-2.0
#include "proxy/fitness.hpp"

#include <array>

namespace sluice::proxy {

std::string_view word(Obstacle obstacle) noexcept {
  constexpr std::array<std::string_view, 12> kWords = {"fit",
                                                       "drained by hand",
                                                       "out of rotation",
                                                       "throttled",
                                                       "rate_limit used up",
                                                       "outrun by second attempts",
                                                       "to blame for an anomaly",
                                                       "last connection failed",
                                                       "failing in several classes",
                                                       "breaker open",
                                                       "has not got the block",
                                                       "lagging"};
  static_assert(kWords.size() == static_cast<std::size_t>(Obstacle::kLagging) + 1);
  return kWords[static_cast<std::size_t>(obstacle)];
}

}  // namespace sluice::proxy
