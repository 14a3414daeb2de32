// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "policy/balance/balancer.hpp"
#include "upstream/class_board.hpp"

namespace sluice::proxy {

/// One try of a call on one upstream, as all who count are told of it: begun by
/// Call::begin(), ended once by Call::end(). A hedge's becomes its call's own when it takes over.
struct Attempt {
  std::uint32_t upstream = 0;
  /// Its id on the wire.
  std::uint64_t wire_id = 0;
  TimePoint started{};
  /// When it was handed to a connection that was ready: the node's time begins here. As `started`
  /// until then.
  TimePoint sent{};
  policy::Ticket ticket;
  upstream::Underway underway;
  /// Its bytes have left, or were about to.
  bool left = false;
  /// Of the same upstream batch, this one included: they share its response time.
  std::uint32_t calls = 1;
  /// It left in a batch.
  bool batched = false;
  /// Another call of the batch has told of the failure.
  bool echo = false;

  void leave(TimePoint now) noexcept {
    sent = now;
    left = true;
  }
  /// What the node needed for this call alone.
  [[nodiscard]] Duration took(TimePoint now) const noexcept {
    // A division costs more than all else here.
    return calls == 1 ? now - sent : (now - sent) / calls;
  }
};

}  // namespace sluice::proxy
