// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/socket_place.hpp"

namespace sluice::app {

/// Where the control socket stands when the configuration does not say: also its key's default.
inline constexpr const char* kControlSocket = "/run/sluice/ctl.sock";

/// The configured path, and $XDG_RUNTIME_DIR/sluice/ctl.sock behind it when that is the default.
[[nodiscard]] std::vector<std::string> control_paths(const std::string& configured);

/// Where a client looks for a daemon: at `socket`, or at the places of the default when that is
/// empty.
[[nodiscard]] std::vector<std::string> client_paths(const std::string& socket);

struct ControlPlace {
  std::optional<admin::SocketPlace> place;
  std::string why;     ///< there is none
  bool fatal = false;  ///< the operator asked for this very path
};

/// Takes the first of the paths that can be had. Another process at one of them ends the search: it
/// is for the operator to say which of the two `sluice ctl` shall mean.
[[nodiscard]] ControlPlace take_control_place(const std::string& configured);

}  // namespace sluice::app
