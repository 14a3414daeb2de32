// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls.hpp"
#include "net/tls_bio.hpp"

namespace sluice::net {

namespace {

struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

/// OpenSSL on the socket itself, woken by Asio. `asio::ssl::stream` keeps two records' worth of
/// buffers and a BIO pair for each connection, 71 KiB where this holds about 15 once it is idle;
/// and its writes cannot be tried at once.
class SslStream final : public TlsStream {
 public:
  /// `tls` is what the context belongs to.
  SslStream(TcpSocket socket, std::shared_ptr<void> tls, SSL_CTX* context, bool server)
      : socket_(std::move(socket)), tls_(std::move(tls)), ssl_(SSL_new(context)) {
    ErrorCode ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (ssl_ == nullptr || !attach(ssl_.get(), transport_)) {
      ssl_.reset();
      return;
    }
    if (server) {
      SSL_set_accept_state(ssl_.get());
    } else {
      SSL_set_connect_state(ssl_.get());
    }
  }

  ~SslStream() override {
    // OpenSSL would forbid to resume the session of a connection that ended without close_notify,
    // though since TLS 1.1 (RFC 4346, 7.2.1) it may be.
    if (ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  [[nodiscard]] SSL* ssl() noexcept { return ssl_.get(); }

  void handshake(IoHandler handler) override {
    writer_.emplace(std::move(handler));
    ErrorCode ignored;
    socket_.non_blocking(true, ignored);
    transport_.socket = socket_.native_handle();
    asio::post(socket_.get_executor(),
               [this, owner = writer_->owner()] { step_handshake(ErrorCode()); });
  }

  void read(std::span<char> space, IoHandler handler, Look /*look*/) override {
    space_ = space;
    reader_.emplace(std::move(handler));
    await_bytes();
  }

  void wait_readable(IoHandler handler) override {
    space_ = {};
    reader_.emplace(std::move(handler));
    await_bytes();
  }

  Written write(std::span<const asio::const_buffer> buffers, IoHandler handler) override {
    const char* data = nullptr;
    std::size_t size = 0;
    if (buffers.size() == 1) {
      data = static_cast<const char*>(buffers[0].data());
      size = buffers[0].size();
    } else {
      // Records of their own would cost more than the copy.
      for (const auto& buffer : buffers) {
        pending_.append(static_cast<const char*>(buffer.data()), buffer.size());
      }
      data = pending_.data();
      size = pending_.size();
    }
    const std::size_t sent_before = transport_.sent;
    std::size_t done = 0;
    const ErrorCode error = push(data, size, done);
    if (!error) {
      pending_.clear();
      shrink();
      return Written::kAll;
    }
    const bool waits = error == asio::error::would_block;
    if (!waits && transport_.sent == sent_before) return Written::kFailed;
    if (buffers.size() == 1) {
      pending_.assign(data + done, size - done);
    } else {
      pending_.erase(0, done);
    }
    writer_.emplace(std::move(handler));
    if (waits) {
      await_room();
    } else {
      asio::post(socket_.get_executor(),
                 [this, owner = writer_->owner(), error] { end_write(error); });
    }
    return Written::kPending;
  }

  void cancel_read() override {
    // A write that waits finds itself called off as well, and waits again.
    ErrorCode ignored;
    socket_.cancel(ignored);
  }

  void shutdown_write() noexcept override {
    ERR_clear_error();
    // As far as the socket takes the alert at once. The peer's own is not waited for.
    if (ssl_ != nullptr && transport_.socket >= 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ErrorCode ignored;
    socket_.shutdown(TcpSocket::shutdown_send, ignored);
  }

  void close() noexcept override {
    ErrorCode ignored;
    socket_.close(ignored);
    transport_.socket = -1;
  }

  [[nodiscard]] bool is_open() const noexcept override { return socket_.is_open(); }
  [[nodiscard]] TcpSocket& socket() noexcept override { return socket_; }

 private:
  static constexpr std::size_t kKeptBytes = 4096;

  /// What an SSL call that gave `result` means; would_block where it must be called again, with
  /// `wants_write_` telling for what.
  ErrorCode error_of(int result) noexcept {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_NONE:
        return {};
      case SSL_ERROR_WANT_READ:
        wants_write_ = false;
        return asio::error::would_block;
      case SSL_ERROR_WANT_WRITE:
        wants_write_ = true;
        return asio::error::would_block;
      case SSL_ERROR_ZERO_RETURN:
        return asio::error::eof;
      case SSL_ERROR_SSL:
        if (const unsigned long code = ERR_get_error();
            code != 0 && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
          return {static_cast<int>(code), asio::error::get_ssl_category()};
        }
        return asio::ssl::error::stream_truncated;
      default:
        if (transport_.error != 0) return {transport_.error, boost::system::system_category()};
        return asio::ssl::error::stream_truncated;
    }
  }

  void step_handshake(ErrorCode error) {
    if (!error && ssl_ == nullptr) error = asio::error::no_memory;
    if (!error && !socket_.is_open()) error = asio::error::operation_aborted;
    if (!error) {
      ERR_clear_error();
      error = error_of(SSL_do_handshake(ssl_.get()));
      if (error == asio::error::would_block) {
        socket_.async_wait(wants_write_ ? TcpSocket::wait_write : TcpSocket::wait_read,
                           [this, owner = writer_->owner()](ErrorCode e) { step_handshake(e); });
        return;
      }
    }
    take(writer_)(error, 0);
  }

  /// Until there may be something to read: in the SSL object, or at the socket.
  void await_bytes() {
    if (SSL_has_pending(ssl_.get()) != 0) {
      asio::post(socket_.get_executor(),
                 [this, owner = reader_->owner()] { on_readable(ErrorCode()); });
      return;
    }
    socket_.async_wait(TcpSocket::wait_read,
                       [this, owner = reader_->owner()](ErrorCode error) { on_readable(error); });
  }

  void on_readable(ErrorCode error) {
    std::size_t bytes = 0;
    if (!error && !socket_.is_open()) error = asio::error::operation_aborted;
    if (!error && !space_.empty()) {
      ERR_clear_error();
      const int done = SSL_read_ex(ssl_.get(), space_.data(), space_.size(), &bytes);
      error = done == 1 ? ErrorCode() : error_of(done);
      if (error == asio::error::would_block) {
        // A part of a record, or a session ticket. Without renegotiation, reads never wait to
        // write.
        socket_.async_wait(TcpSocket::wait_read,
                           [this, owner = reader_->owner()](ErrorCode e) { on_readable(e); });
        return;
      }
    }
    take(reader_)(error, bytes);
  }

  ErrorCode push(const char* data, std::size_t size, std::size_t& done) noexcept {
    while (done < size) {
      ERR_clear_error();
      std::size_t written = 0;
      const int result = SSL_write_ex(ssl_.get(), data + done, size - done, &written);
      if (result != 1) return error_of(result);
      done += written;
    }
    return {};
  }

  void await_room() {
    socket_.async_wait(TcpSocket::wait_write,
                       [this, owner = writer_->owner()](ErrorCode error) { on_room(error); });
  }

  void on_room(ErrorCode error) {
    if (error == asio::error::operation_aborted && socket_.is_open()) {
      await_room();
      return;
    }
    if (!error && !socket_.is_open()) error = asio::error::operation_aborted;
    if (!error) {
      std::size_t done = 0;
      error = push(pending_.data() + offset_, pending_.size() - offset_, done);
      offset_ += done;
      if (error == asio::error::would_block) {
        await_room();
        return;
      }
    }
    end_write(error);
  }

  void end_write(ErrorCode error) {
    pending_.clear();
    offset_ = 0;
    shrink();
    take(writer_)(error, 0);
  }

  void shrink() {
    if (pending_.capacity() > kKeptBytes) pending_ = std::string();
  }

  static IoHandler take(std::optional<IoHandler>& kept) {
    IoHandler handler = std::move(*kept);
    kept.reset();
    return handler;
  }

  TcpSocket socket_;
  std::shared_ptr<void> tls_;
  TlsTransport transport_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::span<char> space_;
  std::optional<IoHandler> reader_;
  /// Of a write, and before that of the handshake.
  std::optional<IoHandler> writer_;
  std::string pending_;
  std::size_t offset_ = 0;
  bool wants_write_ = false;
};

}  // namespace

std::unique_ptr<TlsStream> make_tls_stream(TcpSocket socket, std::shared_ptr<ServerTls> tls) {
  SSL_CTX* context = tls->context().native_handle();
  return std::make_unique<SslStream>(std::move(socket), std::move(tls), context, true);
}

std::unique_ptr<TlsStream> make_tls_stream(TcpSocket socket, std::shared_ptr<ClientTls> tls) {
  SSL_CTX* context = tls->context().native_handle();
  ClientTls& client = *tls;
  auto stream = std::make_unique<SslStream>(std::move(socket), std::move(tls), context, false);
  if (stream->ssl() != nullptr) client.prepare(stream->ssl());
  return stream;
}

}  // namespace sluice::net
