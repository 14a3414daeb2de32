// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/ref.hpp"

namespace sluice::net {

/// A connected byte stream: plain TCP or TLS. Owned by a session or an upstream connection, on that
/// owner's thread. At most one read and one write are under way. Every pending operation's handler
/// holds its owner, and completes with operation_aborted after close(); a stream never calls a
/// handler from inside the call that was given it.
class Stream {
 public:
  enum class Written : std::uint8_t { kAll, kPending, kFailed };
  /// Whether a read looks for bytes at once, or waits for the next to come: the latter saves a
  /// system call between messages, but does not see an end of stream that came together with the
  /// last bytes.
  enum class Look : std::uint8_t { kFirst, kWait };

  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Reads what there is, at most `space.size()` bytes; `space` must stay until the handler runs.
  virtual void read(std::span<char> space, IoHandler handler, Look look = Look::kFirst) = 0;
  /// Writes all of `buffers`; only one write at a time. What cannot leave at once is copied, so the
  /// buffers are free when the call returns; `handler` runs only after kPending.
  virtual Written write(std::span<const asio::const_buffer> buffers, IoHandler handler) = 0;
  /// Waits until there is something to read, holding no buffer: for connections that have been
  /// idle.
  virtual void wait_readable(IoHandler handler) = 0;
  /// Ends a pending read or wait with operation_aborted; writes go on.
  virtual void cancel_read() = 0;
  /// Tells the peer that nothing follows: FIN, and over TLS close_notify before it. No write may be
  /// under way; reads go on.
  virtual void shutdown_write() noexcept = 0;
  virtual void close() noexcept = 0;
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
  [[nodiscard]] virtual TcpSocket& socket() noexcept = 0;
};

[[nodiscard]] std::unique_ptr<Stream> make_plain_stream(TcpSocket socket);

}  // namespace sluice::net
