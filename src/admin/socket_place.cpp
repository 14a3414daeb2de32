// SPDX-License-Identifier: Apache-2.0
#include "admin/socket_place.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::admin {
namespace {

constexpr int kBacklog = 16;

std::string reason(int error) {
  return std::generic_category().message(error);
}

std::unexpected<Error> unavailable(const std::string& path, int error) {
  return fail(ErrorKind::kUnavailable, Origin::kSluice, Retry::kNever,
              "cannot make the control socket " + path + ": " + reason(error));
}

std::unexpected<Error> refused(const std::string& path, const std::string& why) {
  return fail(ErrorKind::kRefused, Origin::kSluice, Retry::kNever,
              "the control socket " + path + " " + why);
}

std::string lock_path(const std::string& path) {
  return path + ".lock";
}

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

bool same_file(int fd, const std::string& path) {
  struct stat held{};
  struct stat there{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
         held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/// Somebody who knows no locks may listen there all the same.
bool somebody_answers(const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const bool connected = ::connect(fd, generic(address), sizeof address) == 0;
  const int error = errno;
  ::close(fd);
  return connected || error == EAGAIN || error == EINPROGRESS;
}

}  // namespace

SocketPlace::~SocketPlace() {
  if (listener_ >= 0) ::close(listener_);
  struct stat there{};
  if (inode_ != 0 && ::lstat(path_.c_str(), &there) == 0 && there.st_ino == inode_ &&
      there.st_dev == device_) {
    ::unlink(path_.c_str());
  }
  if (lock_ < 0) return;
  // While it is still held: whoever waits for it finds the path's file to be another, and begins
  // anew.
  ::unlink(lock_path(path_).c_str());
  ::close(lock_);
}

void SocketPlace::swap(SocketPlace& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  std::swap(listener_, other.listener_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
}

Result<SocketPlace> SocketPlace::take(const std::string& path) {
  if (!address_of(path)) return unavailable(path, ENAMETOOLONG);
  SocketPlace place;
  place.path_ = path;
  if (auto locked = place.lock(path); !locked) return std::unexpected(locked.error());
  if (auto clear = place.clear_stale(path); !clear) return std::unexpected(clear.error());
  if (auto listening = place.listen(path); !listening) return std::unexpected(listening.error());
  return place;
}

Result<void> SocketPlace::lock(const std::string& path) {
  const std::string beside = lock_path(path);
  for (;;) {
    const int fd = ::open(beside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return unavailable(path, errno);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      ::close(fd);
      if (error == EWOULDBLOCK) return refused(path, "is in use by another process");
      return unavailable(path, error);
    }
    lock_ = fd;
    if (same_file(fd, beside)) return {};
    // Its last holder removed it between the two calls.
    ::close(std::exchange(lock_, -1));
  }
}

Result<void> SocketPlace::clear_stale(const std::string& path) const {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0)
    return errno == ENOENT ? Result<void>() : unavailable(path, errno);
  if (!S_ISSOCK(there.st_mode)) return refused(path, "is something else than a socket");
  if (somebody_answers(*address_of(path))) return refused(path, "is in use by another process");
  if (::unlink(path.c_str()) != 0) return unavailable(path, errno);
  return {};
}

Result<void> SocketPlace::listen(const std::string& path) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) return unavailable(path, errno);
  // Before bind(): Linux gives the file the mode of the socket, so that it is never open to others,
  // whatever the process's umask.
  if (::fchmod(listener_, 0600) != 0) return unavailable(path, errno);
  const sockaddr_un address = *address_of(path);
  if (::bind(listener_, generic(address), sizeof address) != 0) return unavailable(path, errno);
  struct stat made{};
  if (::lstat(path.c_str(), &made) == 0) {
    device_ = made.st_dev;
    inode_ = made.st_ino;
  }
  if (::listen(listener_, kBacklog) != 0) return unavailable(path, errno);
  return {};
}

}  // namespace sluice::admin
