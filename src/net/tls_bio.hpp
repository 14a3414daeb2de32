// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <openssl/types.h>

namespace sluice::net {

/// The socket below an SSL object, and what became of it. Part of its stream, which outlives the
/// SSL object.
struct TlsTransport {
  int socket = -1;
  /// errno of the last receive or send that failed for good; 0: none did.
  int error = 0;
  /// Bytes that have left.
  std::size_t sent = 0;
};

/// Lets `ssl` read and write the transport's non-blocking socket with no buffer in between: an
/// OpenSSL BIO like its own for sockets, but one that never raises SIGPIPE.
/// Returns false when memory is short.
[[nodiscard]] bool attach(SSL* ssl, TlsTransport& transport) noexcept;

}  // namespace sluice::net
