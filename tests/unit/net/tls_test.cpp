// SPDX-License-Identifier: Apache-2.0
// What a client of a node accepts and sends, and what a server refuses to start with.
#include "net/tls.hpp"

#include <fstream>

#include "support/loopback.hpp"
#include "support/tls_material.hpp"

using namespace sluice;
using namespace sluice::testing;

namespace {

class Shaker final : public net::RefCounted {
 public:
  void on_handshake(net::ErrorCode error, std::size_t) {
    done = true;
    failed = static_cast<bool>(error);
  }
  void on_read(net::ErrorCode, std::size_t) {}
  std::unique_ptr<net::TlsStream> stream;
  std::array<char, 64> buffer{};
  bool done = false;
  bool failed = false;
};

struct Outcome {
  bool accepted = false;
  bool resumed = false;
  std::string server_name;
};

/// One handshake of the client with a server that shows `material`.
Outcome shake(const std::shared_ptr<net::ClientTls>& client, const TlsMaterial& material,
              SSL_CTX* = nullptr) {
  net::Loop loop;
  Pair pair = connected_pair(loop);
  TlsPeer server(std::move(pair.theirs), &material);
  const net::Ref<Shaker> shaker(new Shaker);
  shaker->stream = net::make_tls_stream(std::move(pair.ours), client);
  shaker->stream->handshake(net::handler<&Shaker::on_handshake>(*shaker));
  REQUIRE(turn_until(loop, [&] {
    server.handshake();
    return shaker->done;
  }));
  const Outcome outcome{!shaker->failed, server.resumed(), server.server_name()};
  shaker->stream->close();
  settle(loop);
  return outcome;
}

std::shared_ptr<net::ClientTls> client(const std::string& host, const std::string& ca) {
  auto made = net::ClientTls::make(host, ca);
  REQUIRE(made);
  return *made;
}

}  // namespace

TEST_CASE("a node's certificate: only the right name, within its time, from a trusted issuer") {
  const TlsMaterial named("node.example");
  const TlsMaterial literal("127.0.0.1");
  const TlsMaterial expired("node.example", -3600);
  const TlsMaterial other("node.example");
  struct Row {
    const char* what;
    std::string host;
    const TlsMaterial* shown;
    const TlsMaterial* trusted;
    bool accepted;
    std::string server_name;
  };
  const std::vector<Row> rows = {
      {"a name", "node.example", &named, &named, true, "node.example"},
      {"case does not matter", "Node.Example", &named, &named, true, "Node.Example"},
      {"another name", "other.example", &named, &named, false, "other.example"},
      {"a name below", "a.node.example", &named, &named, false, "a.node.example"},
      {"an address, which is not sent as a name", "127.0.0.1", &literal, &literal, true, ""},
      {"another address", "127.0.0.2", &literal, &literal, false, ""},
      {"out of date", "node.example", &expired, &expired, false, "node.example"},
      {"an unknown issuer", "node.example", &other, &named, false, "node.example"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const Outcome outcome = shake(client(row.host, row.trusted->certificate()), *row.shown);
    CHECK(outcome.accepted == row.accepted);
    CHECK(outcome.server_name == row.server_name);
  }
}

TEST_CASE("a server's certificate and key are checked before they are used") {
  const TlsMaterial one("localhost");
  const TlsMaterial two("localhost");
  CHECK(net::ServerTls::make(one.certificate(), one.key()));
  const auto mismatch = net::ServerTls::make(one.certificate(), two.key());
  REQUIRE_FALSE(mismatch);
  CHECK(mismatch.error().detail.find("does not belong") != std::string::npos);
  CHECK_FALSE(net::ServerTls::make("/nonexistent", one.key()));
  CHECK_FALSE(net::ServerTls::make(one.certificate(), "/nonexistent"));
  // A private key where a certificate is expected.
  CHECK_FALSE(net::ServerTls::make(one.key(), one.key()));
  const auto made = net::ServerTls::make(one.certificate(), one.key());
  REQUIRE(made);
  CHECK((*made)->expires_at() > unix_time() + 3500);
  CHECK((*made)->expires_at() < unix_time() + 3700);
  CHECK_FALSE(net::ClientTls::make("host", "/nonexistent"));
}

TEST_CASE("an encrypted key is refused: nobody is asked for its pass phrase") {
  const TlsMaterial material("localhost");
  const TlsMaterial encrypted("localhost", 3600, "secret");
  const auto made = net::ServerTls::make(encrypted.certificate(), encrypted.key());
  REQUIRE_FALSE(made);
  CHECK(made.error().detail.find("encrypted") != std::string::npos);
  CHECK(net::ServerTls::make(material.certificate(), material.key()));
}

TEST_CASE("a node's TLS tells whether its CA file has changed") {
  const TlsMaterial one("localhost");
  const TlsMaterial two("localhost");
  CHECK(client("host", one.certificate())->ca_digest() ==
        client("other", one.certificate())->ca_digest());
  CHECK(client("host", one.certificate())->ca_digest() !=
        client("host", two.certificate())->ca_digest());
}

TEST_CASE("digests and base64, against published vectors") {
  std::string hex;
  for (const unsigned char byte : net::sha256("abc")) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xfU];
  }
  // FIPS 180-2, B.1; RFC 4648, 10.
  CHECK(hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(net::base64("") == "");
  CHECK(net::base64("f") == "Zg==");
  CHECK(net::base64("fo") == "Zm8=");
  CHECK(net::base64("foo") == "Zm9v");
  CHECK(net::base64("foobar") == "Zm9vYmFy");
}
