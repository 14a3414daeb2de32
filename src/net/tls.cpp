// SPDX-License-Identifier: Apache-2.0
#include "net/tls.hpp"

#include <ctime>
#include <fstream>
#include <iterator>
#include <utility>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// OpenSSL's macros cast in C's way.
#pragma GCC diagnostic ignored "-Wold-style-cast"

namespace sluice::net {

namespace {

constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

void harden(asio::ssl::context& context) {
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_cipher_list(native, kSuites12);
  SSL_CTX_set1_groups_list(native, "X25519:P-256:P-384");
  // An idle connection would hold some 34 KiB otherwise.
  // A record's header and the rest of it in one receive.
  SSL_CTX_set_read_ahead(native, 1);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

std::unexpected<Error> tls_error(std::string what) {
  return fail(ErrorKind::kInvalid, Origin::kSluice, Retry::kNever, std::move(what));
}

/// Sets what `asked` points to. OpenSSL would ask for a pass phrase on the terminal otherwise, and
/// wait for an answer.
int refuse_pass_phrase(char* /*out*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<void> load_key(SSL_CTX* context, const std::string& path, const std::string& certificate) {
  bool encrypted = false;
  SSL_CTX_set_default_passwd_cb(context, refuse_pass_phrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, path.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (loaded) return {};
  const bool mismatch = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
  const std::string reason = openssl_reason();
  return tls_error("private key " + path +
                   (mismatch    ? " does not belong to certificate " + certificate
                    : encrypted ? ": it is encrypted, and nobody is there to type a pass phrase"
                                : ": " + reason));
}

/// Of a CA file's bytes; all zero without one.
std::array<unsigned char, 32> file_digest(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return sha256(bytes);
}

double not_after(SSL_CTX* context) {
  X509* certificate = SSL_CTX_get0_certificate(context);
  std::tm parts{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) {
    return 0;
  }
  return static_cast<double>(timegm(&parts));
}

int client_tls_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* tls =
      static_cast<ClientTls*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), client_tls_index()));
  if (tls == nullptr) return 0;
  tls->keep_session(session);
  return 1;
}

}  // namespace

Result<std::shared_ptr<ServerTls>> ServerTls::make(const std::string& certificate_path,
                                                   const std::string& key_path) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  harden(context);
  SSL_CTX* native = context.native_handle();
  if (SSL_CTX_use_certificate_chain_file(native, certificate_path.c_str()) != 1) {
    return tls_error("certificate " + certificate_path + ": " + openssl_reason());
  }
  if (auto key = load_key(native, key_path, certificate_path); !key)
    return std::unexpected(key.error());
  if (SSL_CTX_check_private_key(native) != 1) {
    return tls_error("private key " + key_path + " does not belong to certificate " +
                     certificate_path + ": " + openssl_reason());
  }
  SSL_CTX_set_session_id_context(native, reinterpret_cast<const unsigned char*>("sluice"), 6);
  const double expires_at = not_after(native);
  auto tls = std::make_shared<ServerTls>(std::move(context));
  tls->expires_at_ = expires_at;
  return tls;
}

Result<std::shared_ptr<ClientTls>> ClientTls::make(const std::string& host,
                                                   const std::string& ca_path) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  harden(context);
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_path.empty() ? SSL_CTX_set_default_verify_paths(native)
                                     : SSL_CTX_load_verify_file(native, ca_path.c_str());
  if (loaded != 1) {
    return tls_error((ca_path.empty() ? std::string("system certificates") : "CA file " + ca_path) +
                     ": " + openssl_reason());
  }
  return std::make_shared<ClientTls>(std::move(context), host, file_digest(ca_path));
}

ClientTls::ClientTls(asio::ssl::context context, std::string host,
                     const std::array<unsigned char, 32>& ca_digest)
    : context_(std::move(context)), host_(std::move(host)), ca_digest_(ca_digest) {
  SSL_CTX* native = context_.native_handle();
  SSL_CTX_set_ex_data(native, client_tls_index(), this);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(native, on_new_session);
}

ClientTls::~ClientTls() {
  SSL_CTX_set_ex_data(context_.native_handle(), client_tls_index(), nullptr);
  for (SSL_SESSION* session : sessions_) SSL_SESSION_free(session);
}

void ClientTls::keep_session(SSL_SESSION* session) noexcept {
  const std::scoped_lock lock(mutex_);
  if (sessions_.size() >= kSessionsMax) {
    SSL_SESSION_free(sessions_.front());
    sessions_.erase(sessions_.begin());
  }
  sessions_.push_back(session);
}

void ClientTls::prepare(SSL* ssl) {
  ErrorCode ignored;
  const bool literal = (asio::ip::make_address(host_, ignored), !ignored);
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (literal) {
    X509_VERIFY_PARAM_set1_ip_asc(parameters, host_.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host_.c_str());
    X509_VERIFY_PARAM_set1_host(parameters, host_.c_str(), host_.size());
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  }
  const std::scoped_lock lock(mutex_);
  if (sessions_.empty()) return;
  SSL_SESSION* session = sessions_.back();
  SSL_set_session(ssl, session);
  // A TLS 1.3 ticket should be used once (RFC 8446 C.4), so it leaves the cache. Those of TLS 1.2
  // serve again, and are not given out anew with each handshake.
  if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) return;
  sessions_.pop_back();
  SSL_SESSION_free(session);
}

std::array<unsigned char, 32> sha256(std::string_view bytes) noexcept {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

std::string base64(std::string_view bytes) {
  // EVP_EncodeBlock ends with a NUL of its own.
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace sluice::net
