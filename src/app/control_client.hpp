// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace sluice::app {

/// A connection of a command to a daemon's control socket. Blocks, with deadlines; for programs
/// that do nothing else meanwhile.
class ControlClient {
 public:
  /// The first of `paths` where somebody answers. Null, with why, when there is none.
  [[nodiscard]] static std::optional<ControlClient> connect(const std::vector<std::string>& paths,
                                                            std::string& why);
  ~ControlClient();
  ControlClient(ControlClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), held_(std::move(other.held_)) {}
  ControlClient& operator=(ControlClient&&) = delete;
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  /// The members of a request; those with an empty value are left out.
  using Members = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] bool send(const Members& members);

  enum class Read { kLine, kTimeout, kEnd };
  /// Waits at most `patience` for a line; it comes without its line feed.
  [[nodiscard]] Read read(std::string& line, Duration patience);
  /// To be polled for input, beside others.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  explicit ControlClient(int fd) : fd_(fd) {}

  int fd_;
  std::string held_;
};

}  // namespace sluice::app
