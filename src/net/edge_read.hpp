// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/asio/detail/socket_ops.hpp>

#include "net/ref.hpp"

namespace sluice::net {

/// One pending read of one socket, without the receive that Asio tries before it waits. On a
/// connection that answers one message at a time that receive finds nothing nearly always and costs
/// 3 % of a proxied call. Asio's reactor is edge-triggered: once a read has drained the socket, and
/// as long as a read is pending whenever the reactor polls, the next bytes raise an event of their
/// own. Lives inside its stream, so a read allocates nothing. Speaks to Asio's reactor by its
/// internal interface, which is the same from Boost 1.81 to 1.83 but for the arguments that the
/// call below tells apart.
class EdgeRead final : public asio::detail::reactor_op {
 public:
  EdgeRead() noexcept
      : reactor_op(ErrorCode(), &EdgeRead::perform_read, &EdgeRead::complete_read) {}

  ~EdgeRead() {
    if (gone_ != nullptr) *gone_ = true;
  }
  EdgeRead(const EdgeRead&) = delete;
  EdgeRead& operator=(const EdgeRead&) = delete;

  /// True within the completion of a read that took all there was.
  [[nodiscard]] bool drained() const noexcept { return drained_; }

  /// `wait`: go without the first receive. Only for a socket that is drained(): bytes or an end of
  /// stream that came together with the last bytes would not be seen otherwise, so that only a
  /// reader that has no use for them now may ask for it.
  template <class Implementation>
  void start(asio::detail::reactor& reactor, Implementation& socket, std::span<char> space,
             bool wait, IoHandler handler) {
    socket_ = socket.socket_;
    space_ = space;
    handler_.emplace(std::move(handler));
    ec_ = ErrorCode();
    bytes_transferred_ = 0;
    skip_ = wait && drained_;
    start_op(reactor, socket);
    skip_ = false;
  }

 private:
  template <class Reactor, class Implementation>
  void start_op(Reactor& reactor, Implementation& socket) {
    if constexpr (requires {
                    reactor.start_op(Reactor::read_op, socket_, socket.reactor_data_, this, false,
                                     true);
                  }) {
      reactor.start_op(Reactor::read_op, socket_, socket.reactor_data_, this, false, true);
    } else {
      reactor.start_op(Reactor::read_op, socket_, socket.reactor_data_, this, false, true,
                       &Reactor::call_post_immediate_completion, &reactor);
    }
  }

  static status perform_read(reactor_op* base) {
    auto& self = *static_cast<EdgeRead*>(base);
    if (self.skip_) return not_done;
    if (!asio::detail::socket_ops::non_blocking_recv1(self.socket_, self.space_.data(),
                                                      self.space_.size(), 0, true, self.ec_,
                                                      self.bytes_transferred_)) {
      return not_done;
    }
    return self.bytes_transferred_ == 0 ? done_and_exhausted : done;
  }

  static void complete_read(void* owner, asio::detail::operation* base, const ErrorCode& /*error*/,
                            std::size_t /*bytes*/) {
    auto& self = *static_cast<EdgeRead*>(base);
    // The handler may start the next read, or end the stream that this lies in.
    IoHandler handler = std::move(*self.handler_);
    self.handler_.reset();
    if (owner == nullptr) return;
    const ErrorCode error = self.ec_;
    const std::size_t bytes = self.bytes_transferred_;
    self.drained_ = !error && bytes < self.space_.size();
    bool gone = false;
    self.gone_ = &gone;
    handler(error, bytes);
    if (gone) return;
    self.gone_ = nullptr;
    self.drained_ = false;
  }

  int socket_ = -1;
  std::span<char> space_;
  std::optional<IoHandler> handler_;
  bool skip_ = false;
  bool drained_ = false;
  /// Set while a handler runs: where to note that this was destroyed by it.
  bool* gone_ = nullptr;
};

}  // namespace sluice::net
