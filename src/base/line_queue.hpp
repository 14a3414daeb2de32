// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/bounded_queue.hpp"

namespace sluice::log {

/// Finished lines on their way to the writer.
using LineQueue = BoundedQueue<std::string>;

}  // namespace sluice::log
