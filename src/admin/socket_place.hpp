// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include <sys/types.h>

#include "base/error.hpp"

namespace sluice::admin {

/// A place in the file system where this process, and no other, listens on a Unix socket that only
/// its own user may use (mode 0600). Beside the socket stands a lock file: whoever holds its lock
/// may take away a socket that a killed process has left. A value; at its end socket and lock file
/// are removed, if they are still its own.
class SocketPlace {
 public:
  SocketPlace() = default;
  ~SocketPlace();
  SocketPlace(SocketPlace&& other) noexcept { swap(other); }
  SocketPlace& operator=(SocketPlace&& other) noexcept {
    swap(other);
    return *this;
  }
  SocketPlace(const SocketPlace&) = delete;
  SocketPlace& operator=(const SocketPlace&) = delete;

  /// Errors: kRefused when another process listens there or something other than a socket is in the
  /// way (the detail says which), kUnavailable when the place cannot be had at all: no such folder,
  /// no permission, a path longer than a Unix socket may have.
  [[nodiscard]] static Result<SocketPlace> take(const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The listening socket; the caller's from now on.
  [[nodiscard]] int release_listener() noexcept { return std::exchange(listener_, -1); }

 private:
  void swap(SocketPlace& other) noexcept;
  [[nodiscard]] Result<void> lock(const std::string& path);
  [[nodiscard]] Result<void> clear_stale(const std::string& path) const;
  [[nodiscard]] Result<void> listen(const std::string& path);

  std::string path_;
  int lock_ = -1;
  int listener_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace sluice::admin
