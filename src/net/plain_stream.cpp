// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "net/edge_read.hpp"
#include "net/stream.hpp"

namespace sluice::net {

namespace {

/// Opens the door to what Asio's reactor knows of the socket.
class ReactorSocket final : public TcpSocket {
 public:
  explicit ReactorSocket(TcpSocket socket) : TcpSocket(std::move(socket)) {}
  [[nodiscard]] auto& implementation() noexcept { return impl_.get_implementation(); }
};

class PlainStream final : public Stream {
 public:
  explicit PlainStream(TcpSocket socket)
      : socket_(std::move(socket)),
        reactor_(asio::use_service<asio::detail::reactor>(socket_.get_executor().context())) {
    ErrorCode ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  }

  void read(std::span<char> space, IoHandler handler, Look look) override {
    read_.start(reactor_, socket_.implementation(), space, look == Look::kWait, std::move(handler));
  }

  Written write(std::span<const asio::const_buffer> buffers, IoHandler handler) override {
    ErrorCode error;
    // One buffer goes by send(), which the kernel has less to do for than for sendmsg().
    std::size_t sent = buffers.size() == 1
                           ? socket_.write_some(asio::const_buffer(buffers[0]), error)
                           : socket_.write_some(buffers, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      error.clear();
      sent = 0;
    }
    if (error) return Written::kFailed;
    if (sent == asio::buffer_size(buffers)) return Written::kAll;
    keep_rest(buffers, sent);
    handler_.emplace(std::move(handler));
    continue_write();
    return Written::kPending;
  }

  void wait_readable(IoHandler handler) override {
    socket_.async_wait(TcpSocket::wait_read, [handler = std::move(handler)](
                                                 ErrorCode error) mutable { handler(error, 0); });
  }

  void cancel_read() override {
    // Asio cannot cancel reads alone; a session that waits idle has no write under way.
    ErrorCode ignored;
    socket_.cancel(ignored);
  }

  void shutdown_write() noexcept override {
    ErrorCode ignored;
    socket_.shutdown(TcpSocket::shutdown_send, ignored);
  }

  void close() noexcept override {
    ErrorCode ignored;
    socket_.close(ignored);
  }

  [[nodiscard]] bool is_open() const noexcept override { return socket_.is_open(); }
  [[nodiscard]] TcpSocket& socket() noexcept override { return socket_; }

 private:
  void keep_rest(std::span<const asio::const_buffer> buffers, std::size_t skip) {
    for (const auto& buffer : buffers) {
      const std::size_t size = buffer.size();
      const std::size_t cut = std::min(skip, size);
      skip -= cut;
      pending_.append(static_cast<const char*>(buffer.data()) + cut, size - cut);
    }
  }

  void continue_write() {
    socket_.async_write_some(asio::buffer(pending_.data() + offset_, pending_.size() - offset_),
                             [this, owner = handler_->owner()](ErrorCode error, std::size_t bytes) {
                               on_written(error, bytes);
                             });
  }

  void on_written(ErrorCode error, std::size_t bytes) {
    offset_ += bytes;
    if (!error && offset_ < pending_.size()) {
      continue_write();
      return;
    }
    pending_ = std::string();
    offset_ = 0;
    IoHandler done = std::move(*handler_);
    handler_.reset();
    done(error, bytes);
  }

  ReactorSocket socket_;
  asio::detail::reactor& reactor_;
  EdgeRead read_;
  std::string pending_;
  std::size_t offset_ = 0;
  std::optional<IoHandler> handler_;
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(TcpSocket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace sluice::net
