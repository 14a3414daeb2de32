// SPDX-License-Identifier: Apache-2.0
#include "frontend/proxy_protocol.hpp"

#include "support/catch.hpp"
#include "unit/frontend/session_fixture.hpp"

using namespace sluice;
using namespace sluice::testing;
using Status = frontend::ProxyHeader::Status;

namespace {

std::string binary(unsigned char version_command, unsigned char family, std::string_view payload,
                   int length = -1) {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += static_cast<char>(version_command);
  out += static_cast<char>(family);
  const auto size = length < 0 ? payload.size() : static_cast<std::size_t>(length);
  out += static_cast<char>(size >> 8);
  out += static_cast<char>(size & 0xff);
  return out.append(payload);
}

const std::string kV4("\xcb\x00\x71\x07\x0a\x00\x00\x01\x12\x34\x01\xbb", 12);
const std::string kV6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" +
                        std::string(16, '\x02') + std::string("\x12\x34\x01\xbb", 4);

}  // namespace

TEST_CASE("PROXY protocol headers, whole and cut at every byte") {
  struct Row {
    const char* what;
    std::string bytes;
    Status status;
    const char* source;  // empty: none
  };
  const std::vector<Row> rows = {
      {"text, IPv4", "PROXY TCP4 203.0.113.7 10.0.0.1 4660 443\r\n", Status::kDone, "203.0.113.7"},
      {"text, IPv6", "PROXY TCP6 2001:db8::1 fd00::1 4660 443\r\n", Status::kDone, "2001:db8::1"},
      {"text, unknown", "PROXY UNKNOWN\r\n", Status::kDone, ""},
      {"text, unknown with more", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Status::kDone, ""},
      {"text, mixed families", "PROXY TCP4 2001:db8::1 fd00::1 4660 443\r\n", Status::kBad, ""},
      {"text, too few", "PROXY TCP4 203.0.113.7 10.0.0.1 4660\r\n", Status::kBad, ""},
      {"text, too many", "PROXY TCP4 203.0.113.7 10.0.0.1 4660 443 1\r\n", Status::kBad, ""},
      {"text, port too large", "PROXY TCP4 203.0.113.7 10.0.0.1 65536 443\r\n", Status::kBad, ""},
      {"text, port with a zero", "PROXY TCP4 203.0.113.7 10.0.0.1 04660 443\r\n", Status::kBad, ""},
      {"text, no port", "PROXY TCP4 203.0.113.7 10.0.0.1  443\r\n", Status::kBad, ""},
      {"text, another word", "PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n", Status::kBad, ""},
      {"text, two spaces", "PROXY  TCP4 203.0.113.7 10.0.0.1 1 2\r\n", Status::kBad, ""},
      {"text, too long", "PROXY UNKNOWN " + std::string(200, 'x') + "\r\n", Status::kBad, ""},
      {"HTTP", "POST / HTTP/1.1\r\n", Status::kBad, ""},
      {"binary, IPv4", binary(0x21, 0x11, kV4), Status::kDone, "203.0.113.7"},
      {"binary, IPv4 and more", binary(0x21, 0x11, kV4 + "\x04\x00\x01x"), Status::kDone,
       "203.0.113.7"},
      {"binary, IPv6", binary(0x21, 0x21, kV6), Status::kDone, "2001:db8::1"},
      {"binary, local", binary(0x20, 0x00, ""), Status::kDone, ""},
      {"binary, local with an address", binary(0x20, 0x11, kV4), Status::kDone, ""},
      {"binary, a Unix socket", binary(0x21, 0x31, std::string(216, '\0')), Status::kDone, ""},
      {"binary, unspecified", binary(0x21, 0x00, ""), Status::kDone, ""},
      {"binary, address too short", binary(0x21, 0x11, kV4.substr(0, 11)), Status::kBad, ""},
      {"binary, version 1", binary(0x11, 0x11, kV4), Status::kBad, ""},
      {"binary, a command that is none", binary(0x22, 0x11, kV4), Status::kBad, ""},
      {"binary, too long", binary(0x21, 0x11, kV4, 1025), Status::kBad, ""},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const auto whole = frontend::parse_proxy_header(row.bytes + "GET / HTTP/1.1\r\n");
    CHECK(whole.status == row.status);
    if (whole.status == Status::kDone) CHECK(whole.bytes == row.bytes.size());
    CHECK((whole.source ? whole.source->to_string() : "") == row.source);
    for (std::size_t cut = 0; cut < row.bytes.size(); ++cut) {
      INFO("cut at " << cut);
      const auto part = frontend::parse_proxy_header(row.bytes.substr(0, cut));
      // A part may be known to be bad before the end, but is never good.
      CHECK(part.status != Status::kDone);
      if (row.status == Status::kDone) CHECK(part.status == Status::kNeedMore);
    }
  }
}

TEST_CASE("a balancer's header in two segments, cut at every byte, the request behind it") {
  const std::vector<std::string> headers = {"PROXY TCP4 203.0.113.7 10.0.0.1 4660 443\r\n",
                                            binary(0x21, 0x11, kV4 + std::string("\x04\0\1x", 4))};
  for (const std::string& header : headers) {
    FrontendFixture f;
    f.listener->proxy_protocol = true;
    f.trusted->v4.push_back(net::asio::ip::make_network_v4("127.0.0.0/8"));
    const std::string bytes = header + post("x");
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      INFO("cut at " << cut);
      Peer client = f.connect();
      REQUIRE(client.send(bytes.substr(0, cut)));
      settle(f.loop);
      REQUIRE(client.send(bytes.substr(cut)));
      REQUIRE(f.got(client, "re:x"));
      CHECK(f.handler.peers.back() == "203.0.113.7");
    }
  }
}

TEST_CASE("a balancer's header and its client's handshake, cut at every byte") {
  FrontendFixture f;
  const TlsMaterial material("localhost");
  auto tls = net::ServerTls::make(material.certificate(), material.key());
  REQUIRE(tls);
  f.listener->tls = *tls;
  f.listener->proxy_protocol = true;
  f.trusted->v4.push_back(net::asio::ip::make_network_v4("127.0.0.0/8"));
  const std::string header = binary(0x21, 0x11, kV4);
  for (std::size_t cut = 0; cut <= header.size(); ++cut) {
    INFO("cut at " << cut);
    Peer raw = f.connect();
    REQUIRE(raw.send(header.substr(0, cut)));
    settle(f.loop);
    REQUIRE(raw.send(header.substr(cut)));
    // Before the daemon looks again: the handshake begins in the header's last segment.
    TlsPeer client(std::move(raw));
    REQUIRE_FALSE(client.handshake());
    REQUIRE(f.until([&] { return client.handshake(); }));
    REQUIRE(client.send(post("x")));
    REQUIRE(f.until([&] { return client.in().find("re:x") != std::string::npos; }));
    CHECK(f.handler.peers.back() == "203.0.113.7");
  }
}

TEST_CASE("a balancer's connection: its header first, from trusted networks only") {
  FrontendFixture f;
  f.listener->proxy_protocol = true;
  const std::string header = "PROXY TCP4 203.0.113.7 10.0.0.1 4660 443\r\n";
  SECTION("trusted") {
    f.trusted->v4.push_back(net::asio::ip::make_network_v4("127.0.0.0/8"));
    Peer client = f.connect();
    for (const char c : header) {
      REQUIRE(client.send(std::string_view(&c, 1)));
      settle(f.loop);
    }
    REQUIRE(client.send(post("x")));
    REQUIRE(f.got(client, "re:x"));
    CHECK(f.handler.peers == std::vector<std::string>{"203.0.113.7"});
  }
  SECTION("not trusted") {
    Peer client = f.connect();
    REQUIRE(client.send(header + post("x")));
    REQUIRE(f.until([&] { return client.ended(); }));
    CHECK(f.handler.rejections == std::vector<std::string>{"bad_proxy_header"});
    CHECK(f.handler.bodies.empty());
  }
  SECTION("before TLS") {
    const TlsMaterial material("localhost");
    f.listener->tls = *net::ServerTls::make(material.certificate(), material.key());
    f.trusted->v4.push_back(net::asio::ip::make_network_v4("127.0.0.0/8"));
    Peer raw = f.connect();
    REQUIRE(raw.send(header));
    settle(f.loop);
    TlsPeer client(std::move(raw));
    REQUIRE_FALSE(client.handshake());
    REQUIRE(f.until([&] { return client.handshake(); }));
    REQUIRE(client.send(post("x")));
    REQUIRE(f.until([&] { return client.in().find("re:x") != std::string::npos; }));
    CHECK(f.handler.peers == std::vector<std::string>{"203.0.113.7"});
  }
}
