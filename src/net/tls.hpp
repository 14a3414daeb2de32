// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ssl/context.hpp>

#include "base/error.hpp"
#include "net/stream.hpp"

namespace sluice::net {

/// A listener's certificate and key. Immutable once made, shared by all workers through the
/// configuration snapshot. Follows Mozilla's intermediate profile: TLS 1.2 and 1.3, AEAD suites
/// with forward secrecy, no compression, no renegotiation, no early data (a POST could be
/// replayed).
class ServerTls {
 public:
  /// Fails when a file cannot be read, is not PEM, the key is encrypted or does not belong to the
  /// certificate. Asks nobody for a pass phrase.
  [[nodiscard]] static Result<std::shared_ptr<ServerTls>> make(const std::string& certificate_path,
                                                               const std::string& key_path);
  explicit ServerTls(asio::ssl::context context) : context_(std::move(context)) {}

  [[nodiscard]] asio::ssl::context& context() noexcept { return context_; }
  /// Seconds since the epoch at which the certificate ends.
  [[nodiscard]] double expires_at() const noexcept { return expires_at_; }

 private:
  asio::ssl::context context_;
  double expires_at_ = 0;
};

/// How an upstream's certificate is checked, and the sessions that may be resumed with it. Shared
/// by the workers; the session cache is behind a mutex that only new connections take.
class ClientTls {
 public:
  /// An empty `ca_path` means the system's roots.
  [[nodiscard]] static Result<std::shared_ptr<ClientTls>> make(const std::string& host,
                                                               const std::string& ca_path);
  ClientTls(asio::ssl::context context, std::string host,
            const std::array<unsigned char, 32>& ca_digest);
  ~ClientTls();
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;

  [[nodiscard]] asio::ssl::context& context() noexcept { return context_; }
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  /// Tells whether the CA file has changed since; all zero for the system's roots.
  [[nodiscard]] const std::array<unsigned char, 32>& ca_digest() const noexcept {
    return ca_digest_;
  }
  /// Called by OpenSSL with a session it lets go of; takes it over.
  void keep_session(SSL_SESSION* session) noexcept;
  /// Sets SNI, the expected host name and a session to resume.
  void prepare(SSL* ssl);

 private:
  static constexpr std::size_t kSessionsMax = 64;

  asio::ssl::context context_;
  std::string host_;
  const std::array<unsigned char, 32> ca_digest_;
  std::mutex mutex_;
  std::vector<SSL_SESSION*> sessions_;
};

/// A TLS stream before its handshake; `handshake` must complete before anything else is done with
/// it.
class TlsStream : public Stream {
 public:
  virtual void handshake(IoHandler handler) = 0;
};

[[nodiscard]] std::unique_ptr<TlsStream> make_tls_stream(TcpSocket socket,
                                                         std::shared_ptr<ServerTls> tls);
[[nodiscard]] std::unique_ptr<TlsStream> make_tls_stream(TcpSocket socket,
                                                         std::shared_ptr<ClientTls> tls);

/// SHA-256, for comparing secrets in constant time and for fingerprints.
[[nodiscard]] std::array<unsigned char, 32> sha256(std::string_view bytes) noexcept;
/// RFC 4648, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);
}  // namespace sluice::net
