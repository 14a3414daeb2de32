// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/asio.hpp"
#include "net/buffer_pool.hpp"
#include "net/timer_wheel.hpp"

namespace sluice::net {

/// What one thread needs to do I/O: its io_context, deadlines and free buffers. Each worker and the
/// control thread own one; everything made on a loop stays on its thread. `io` locks its queue
/// (other threads post to it) but not its reactor, which only the one thread touches.
struct Loop {
  Loop() : io(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO), timers(io) {}

  /// Reads the clock, for this thread's recent() as well.
  TimePoint read_clock() noexcept { return recent_ = now(); }
  /// The clock as it was last read: for what follows within microseconds in the same event.
  [[nodiscard]] TimePoint recent() const noexcept { return recent_; }

  asio::io_context io;
  TimerWheel timers;
  BufferPool buffers;

 private:
  TimePoint recent_{};
};

}  // namespace sluice::net
