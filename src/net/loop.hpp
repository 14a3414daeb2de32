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

  asio::io_context io;
  TimerWheel timers;
  BufferPool buffers;
};

}  // namespace sluice::net
