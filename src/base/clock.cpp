// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

namespace sluice {

TimePoint now() noexcept {
  return Clock::now();
}

double unix_time() noexcept {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace sluice
