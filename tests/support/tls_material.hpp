// SPDX-License-Identifier: Apache-2.0
// Certificates made for one test, and a TLS client on the test's side of a connection.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/loopback.hpp"

namespace sluice::testing {

/// A self-signed certificate for `host` and its key (encrypted, with a pass phrase), in files that
/// go with the object.
class TlsMaterial {
 public:
  explicit TlsMaterial(const std::string& host, long valid_s = 3600, std::string pass_phrase = {}) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    unsigned char serial = 0;
    RAND_bytes(&serial, 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial + 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_s < 0 ? 2 * valid_s : -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    const bool literal = host.find_first_not_of("0123456789.") == std::string::npos;
    add(certificate, NID_subject_alt_name, (literal ? "IP:" : "DNS:") + host);
    add(certificate, NID_basic_constraints, "critical,CA:TRUE");
    X509_set_pubkey(certificate, key);
    REQUIRE(X509_sign(certificate, key, EVP_sha256()) != 0);
    certificate_path_ = file([&](std::FILE* to) { PEM_write_X509(to, certificate); });
    key_path_ = file([&](std::FILE* to) {
      PEM_write_PrivateKey(to, key, pass_phrase.empty() ? nullptr : EVP_aes_128_cbc(), nullptr, 0,
                           nullptr, pass_phrase.empty() ? nullptr : pass_phrase.data());
    });
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~TlsMaterial() {
    std::remove(certificate_path_.c_str());
    std::remove(key_path_.c_str());
  }
  TlsMaterial(const TlsMaterial&) = delete;
  TlsMaterial& operator=(const TlsMaterial&) = delete;

  [[nodiscard]] const std::string& certificate() const noexcept { return certificate_path_; }
  [[nodiscard]] const std::string& key() const noexcept { return key_path_; }

 private:
  static void add(X509* certificate, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    REQUIRE(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  template <class Write>
  static std::string file(const Write& write) {
    std::string path = "/tmp/sluice-test-XXXXXX";
    const int fd = ::mkstemp(path.data());
    REQUIRE(fd >= 0);
    std::FILE* to = ::fdopen(fd, "w");
    write(to);
    std::fclose(to);
    return path;
  }

  std::string certificate_path_;
  std::string key_path_;
};

/// The TLS layer of the test's peer; as client or server, over its non-blocking socket.
class TlsPeer {
 public:
  /// A client that trusts everybody: what it checks is not what is tested.
  explicit TlsPeer(Peer peer) : TlsPeer(std::move(peer), nullptr) {}
  /// A server with this certificate.
  TlsPeer(Peer peer, const TlsMaterial* server)
      : peer_(std::move(peer)),
        context_(SSL_CTX_new(server != nullptr ? TLS_server_method() : TLS_client_method())) {
    if (server != nullptr) {
      REQUIRE(SSL_CTX_use_certificate_file(context_, server->certificate().c_str(),
                                           SSL_FILETYPE_PEM) == 1);
      REQUIRE(SSL_CTX_use_PrivateKey_file(context_, server->key().c_str(), SSL_FILETYPE_PEM) == 1);
    }
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, peer_.fd());
    server != nullptr ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  }
  /// A server with the context of an earlier one, which knows the sessions it gave out.
  TlsPeer(Peer peer, const TlsPeer& earlier) : peer_(std::move(peer)), context_(earlier.context_) {
    SSL_CTX_up_ref(context_);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, peer_.fd());
    SSL_set_accept_state(ssl_);
  }
  ~TlsPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  /// True once the handshake is done.
  bool handshake() { return SSL_do_handshake(ssl_) == 1; }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }
  void fetch() {
    std::array<char, 16384> chunk;
    for (;;) {
      const int got = SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()));
      if (got > 0) {
        in_.append(chunk.data(), static_cast<std::size_t>(got));
        continue;
      }
      const int error = SSL_get_error(ssl_, got);
      ended_ = ended_ || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
      return;
    }
  }
  [[nodiscard]] const std::string& in() {
    fetch();
    return in_;
  }
  std::string take() {
    fetch();
    return std::exchange(in_, {});
  }
  [[nodiscard]] bool ended() {
    fetch();
    return ended_;
  }
  /// Ended by close_notify: nothing was cut off.
  [[nodiscard]] bool ended_in_order() {
    fetch();
    return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_) == 1; }
  [[nodiscard]] std::string server_name() const {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }
  [[nodiscard]] Peer& peer() noexcept { return peer_; }

 private:
  Peer peer_;
  SSL_CTX* context_;
  SSL* ssl_;
  std::string in_;
  bool ended_ = false;
};

}  // namespace sluice::testing
