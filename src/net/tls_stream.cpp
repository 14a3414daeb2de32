// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "net/tls.hpp"

namespace sluice::net {

namespace {

template <class Tls>
class SslStream final : public TlsStream {
 public:
  SslStream(TcpSocket socket, std::shared_ptr<Tls> tls)
      : tls_(std::move(tls)), stream_(std::move(socket), tls_->context()) {
    ErrorCode ignored;
    stream_.lowest_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
    if constexpr (std::is_same_v<Tls, ClientTls>) tls_->prepare(stream_.native_handle());
  }

  ~SslStream() override {
    // OpenSSL would forbid to resume the session of a connection that ended without close_notify,
    // though since TLS 1.1 (RFC 4346, 7.2.1) it may be.
    SSL_set_shutdown(stream_.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  void handshake(IoHandler handler) override {
    constexpr auto role = std::is_same_v<Tls, ClientTls> ? asio::ssl::stream_base::client
                                                         : asio::ssl::stream_base::server;
    stream_.async_handshake(
        role, [handler = std::move(handler)](ErrorCode error) mutable { handler(error, 0); });
  }

  void read(std::span<char> space, IoHandler handler, Look /*look*/) override {
    stream_.async_read_some(asio::buffer(space.data(), space.size()), std::move(handler));
  }

  Written write(std::span<const asio::const_buffer> buffers, IoHandler handler) override {
    pending_.clear();
    for (const auto& buffer : buffers) {
      pending_.append(static_cast<const char*>(buffer.data()), buffer.size());
    }
    asio::async_write(
        stream_, asio::buffer(pending_),
        [this, handler = std::move(handler)](ErrorCode error, std::size_t bytes) mutable {
          if (pending_.capacity() > kKeptBytes) pending_ = std::string();
          handler(error, bytes);
        });
    return Written::kPending;
  }

  void wait_readable(IoHandler handler) override {
    if (SSL_has_pending(stream_.native_handle()) != 0) {
      asio::post(stream_.get_executor(),
                 [handler = std::move(handler)]() mutable { handler({}, 0); });
      return;
    }
    stream_.lowest_layer().async_wait(
        TcpSocket::wait_read,
        [handler = std::move(handler)](ErrorCode error) mutable { handler(error, 0); });
  }

  void cancel_read() override {
    ErrorCode ignored;
    stream_.lowest_layer().cancel(ignored);
  }

  void shutdown_write() noexcept override {
    send_close_notify();
    ErrorCode ignored;
    stream_.lowest_layer().shutdown(TcpSocket::shutdown_send, ignored);
  }

  void close() noexcept override {
    ErrorCode ignored;
    stream_.lowest_layer().close(ignored);
  }

  [[nodiscard]] bool is_open() const noexcept override { return stream_.lowest_layer().is_open(); }
  [[nodiscard]] TcpSocket& socket() noexcept override { return stream_.next_layer(); }

 private:
  static constexpr std::size_t kKeptBytes = 4096;

  /// Not async_shutdown(), which also waits for the peer's answer and fails, and with it all reads,
  /// on what the peer still sends. The alert goes past the stream's own queue, which is empty: a
  /// few bytes, as far as the socket takes them at once.
  void send_close_notify() noexcept {
    SSL* ssl = stream_.native_handle();
    BIO* alert = BIO_new(BIO_s_mem());
    if (alert == nullptr) return;
    SSL_set0_wbio(ssl, alert);
    SSL_shutdown(ssl);
    std::array<char, 256> bytes;
    const int size = BIO_read(alert, bytes.data(), static_cast<int>(bytes.size()));
    if (size > 0) {
      static_cast<void>(::send(stream_.lowest_layer().native_handle(), bytes.data(),
                               static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    ERR_clear_error();
  }

  std::shared_ptr<Tls> tls_;
  asio::ssl::stream<TcpSocket> stream_;
  std::string pending_;
};

}  // namespace

std::unique_ptr<TlsStream> make_tls_stream(TcpSocket socket, std::shared_ptr<ServerTls> tls) {
  return std::make_unique<SslStream<ServerTls>>(std::move(socket), std::move(tls));
}

std::unique_ptr<TlsStream> make_tls_stream(TcpSocket socket, std::shared_ptr<ClientTls> tls) {
  return std::make_unique<SslStream<ClientTls>>(std::move(socket), std::move(tls));
}

}  // namespace sluice::net
