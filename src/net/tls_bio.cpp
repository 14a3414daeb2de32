// SPDX-License-Identifier: Apache-2.0
#include "net/tls_bio.hpp"

#include <cerrno>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace sluice::net {

namespace {

bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

TlsTransport& transport_of(BIO* bio) noexcept {
  return *static_cast<TlsTransport*>(BIO_get_data(bio));
}

int receive(BIO* bio, char* out, int size) noexcept {
  TlsTransport& transport = transport_of(bio);
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(transport.socket, out, static_cast<std::size_t>(size), 0);
  if (got < 0 && would_block(errno)) {
    BIO_set_retry_read(bio);
  } else if (got < 0) {
    transport.error = errno;
  }
  return static_cast<int>(got);
}

int send(BIO* bio, const char* data, int size) noexcept {
  TlsTransport& transport = transport_of(bio);
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(transport.socket, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent >= 0) {
    transport.sent += static_cast<std::size_t>(sent);
  } else if (would_block(errno)) {
    BIO_set_retry_write(bio);
  } else {
    transport.error = errno;
  }
  return static_cast<int>(sent);
}

long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) noexcept {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

int create(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

/// One for the process, for as long as that lives.
const BIO_METHOD* method() noexcept {
  static const BIO_METHOD* const kept = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice socket");
    if (made == nullptr) return made;
    BIO_meth_set_read(made, receive);
    BIO_meth_set_write(made, send);
    BIO_meth_set_ctrl(made, control);
    BIO_meth_set_create(made, create);
    return made;
  }();
  return kept;
}

}  // namespace

bool attach(SSL* ssl, TlsTransport& transport) noexcept {
  BIO* bio = method() == nullptr ? nullptr : BIO_new(method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, &transport);
  // One BIO for both directions; the SSL object owns it.
  SSL_set_bio(ssl, bio, bio);
  return true;
}

}  // namespace sluice::net
