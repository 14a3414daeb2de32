// SPDX-License-Identifier: Apache-2.0
#include "app/control_place.hpp"

#include <cstdlib>
#include <utility>

#include <sys/stat.h>

namespace sluice::app {

std::vector<std::string> control_paths(const std::string& configured) {
  std::vector<std::string> paths{configured};
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (configured == kControlSocket && runtime != nullptr && *runtime == '/')
    paths.push_back(std::string(runtime) + "/sluice/ctl.sock");
  return paths;
}

std::vector<std::string> client_paths(const std::string& socket) {
  return socket.empty() ? control_paths(kControlSocket) : std::vector<std::string>{socket};
}

ControlPlace take_control_place(const std::string& configured) {
  const bool by_default = configured == kControlSocket;
  ControlPlace found{.place = std::nullopt, .why = {}, .fatal = !by_default};
  for (const auto& path : control_paths(configured)) {
    // The folder is our own by its name; where its parent is not to be had it fails, and the socket
    // with it.
    if (by_default) ::mkdir(path.substr(0, path.rfind('/')).c_str(), 0700);
    auto place = admin::SocketPlace::take(path);
    if (place) {
      found.place = std::move(*place);
      return found;
    }
    found.why += (found.why.empty() ? "" : "; ") + place.error().detail;
    if (place.error().kind == ErrorKind::kRefused) break;
  }
  return found;
}

}  // namespace sluice::app
