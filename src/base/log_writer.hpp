// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"

namespace sluice::log {

/// A bounded queue of finished lines and the one thread that writes them to a descriptor. Owned by
/// the log; push() from any thread without a lock, stop() once. spdlog's own asynchronous pool is
/// not used: when full it drops the oldest line in its older releases, and its destructor waits for
/// ever on a reader that has stopped reading.
class Writer {
 public:
  struct Options {
    int fd = 2;
    std::size_t queue_max = 8192;
    Duration drain = std::chrono::seconds(2);
    /// Makes the line that stands in for `count` lost lines, once writing works again; ends in a
    /// line feed.
    std::function<std::string(std::uint64_t count)> notice;
  };

  explicit Writer(Options options);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// `line` ends in its only line feed. Never waits: when the queue is full or stopped, the line is
  /// dropped and counted.
  void push(std::string line) noexcept;

  /// Writes what is queued for at most Options::drain, then gives up on the rest and counts it. If
  /// the kernel will not let go of the thread even then (a dead network disk), it is left behind to
  /// end by itself.
  void stop();

  [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::log
