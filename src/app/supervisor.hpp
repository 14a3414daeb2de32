// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace sluice::app {

/// Tells the service manager about our state (sd_notify(3)): one datagram to $NOTIFY_SOCKET,
/// nothing when it is unset.
void notify_supervisor(std::string_view state);

}  // namespace sluice::app
