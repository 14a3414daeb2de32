// SPDX-License-Identifier: Apache-2.0
#include "app/control_client.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/json.hpp"

namespace sluice::app {
namespace {

/// Answers are whole statuses at most.
constexpr std::size_t kLineMax = std::size_t{16} * 1024 * 1024;

}  // namespace

std::optional<ControlClient> ControlClient::connect(const std::vector<std::string>& paths,
                                                    std::string& why) {
  for (const auto& path : paths) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
      why += (why.empty() ? "" : "; ") + path + ": the path is too long for a Unix socket";
      continue;
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    // Of connect() too, which waits while the daemon does not accept.
    const timeval patience{5, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return ControlClient(fd);
    why += (why.empty() ? "" : "; ") + path + ": " + std::generic_category().message(errno);
    ::close(fd);
  }
  return std::nullopt;
}

ControlClient::~ControlClient() {
  if (fd_ >= 0) ::close(fd_);
}

bool ControlClient::send(const Members& members) {
  std::string line = "{";
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    line += (line.size() == 1 ? "" : ",") + json_text(name) + ":" + json_text(value);
  }
  line += "}\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t n = ::send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

ControlClient::Read ControlClient::read(std::string& line, Duration patience) {
  const TimePoint until = now() + patience;
  for (;;) {
    if (const auto end = held_.find('\n'); end != std::string::npos) {
      line = held_.substr(0, end);
      held_.erase(0, end + 1);
      return Read::kLine;
    }
    if (held_.size() > kLineMax) return Read::kEnd;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
    pollfd readable{fd_, POLLIN, 0};
    const int ready = ::poll(&readable, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return Read::kTimeout;
    std::array<char, 65536> piece;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t n = ::recv(fd_, piece.data(), piece.size(), 0);
    if (n <= 0) return Read::kEnd;
    held_.append(piece.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace sluice::app
