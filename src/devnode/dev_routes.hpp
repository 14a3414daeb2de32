// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "devnode/node.hpp"

namespace sluice::devnode {

struct DevReply {
  int status = 200;
  std::string body;
};

[[nodiscard]] bool is_dev_target(std::string_view target) noexcept;

/// The node's own controls, out of reach of all faults:
///   GET, POST, DELETE /_dev/faults   read, replace, clear (see Faults)
///   GET, DELETE       /_dev/stats    read, clear (see Stats)
///   POST              /_dev/mine     {"n": blocks}; one block for an empty body; answers {"head":
///   …}
/// Errors: 400 with {"error": …}, 404, 405.
[[nodiscard]] DevReply dev_route(Node& node, std::string_view method, std::string_view target,
                                 std::string_view body);

}  // namespace sluice::devnode
