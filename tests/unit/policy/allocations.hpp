// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace sluice::policy::test {

/// How often operator new was called in this process so far.
[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace sluice::policy::test
