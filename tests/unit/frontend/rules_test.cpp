// SPDX-License-Identifier: Apache-2.0
#include "frontend/rules.hpp"

#include "support/catch.hpp"

using namespace sluice;
using frontend::ListenerOptions;
using http::Reason;

namespace {

http::RequestHead head_with(const char* host, const char* origin = nullptr, int minor = 1) {
  http::RequestHead head;
  head.minor = minor;
  if (host != nullptr) head.host = host;
  if (origin != nullptr) head.origin = origin;
  return head;
}

}  // namespace

TEST_CASE("which Host is served where") {
  const ListenerOptions loopback{.hosts = {}, .loopback = true};
  const ListenerOptions named{.hosts = {"rpc.example"}, .loopback = true};
  const ListenerOptions open{.hosts = {}, .loopback = false};
  const ListenerOptions open_named{.hosts = {"rpc.example"}, .loopback = false};
  struct Row {
    const char* what;
    const ListenerOptions* listener;
    const char* host;
    const char* origin;
    Reason reason;
  };
  const Row rows[] = {
      {"an address", &loopback, "127.0.0.1:4545", nullptr, Reason::kNone},
      {"an IPv6 address", &loopback, "[::1]:4545", nullptr, Reason::kNone},
      {"another machine's address", &loopback, "192.0.2.1", nullptr, Reason::kNone},
      {"localhost in any case", &loopback, "LocalHost:1", nullptr, Reason::kNone},
      {"a name that ends like it", &loopback, "evil-localhost", nullptr, Reason::kHostRefused},
      {"a name below it", &loopback, "localhost.evil.example", nullptr, Reason::kHostRefused},
      {"a stranger's name", &loopback, "evil.example", nullptr, Reason::kHostRefused},
      {"a configured name", &named, "RPC.example:80", nullptr, Reason::kNone},
      {"not below a configured name", &named, "a.rpc.example", nullptr, Reason::kHostRefused},
      {"any name in the open", &open, "some.example", nullptr, Reason::kNone},
      {"but not for a browser's page", &open, "some.example", "http://some.example",
       Reason::kHostRefused},
      {"an address for a browser's page", &open, "192.0.2.1", "http://192.0.2.1", Reason::kNone},
      {"a list closes the open", &open_named, "some.example", nullptr, Reason::kHostRefused},
      {"no name at all in it", &open, "", nullptr, Reason::kHostRefused},
      {"nonsense", &open, "a b", nullptr, Reason::kHostRefused},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(check_host(head_with(row.host, row.origin), *row.listener) == row.reason);
  }
  CHECK(check_host(head_with(nullptr, nullptr, 0), loopback) == Reason::kNone);
  CHECK(check_host(head_with("", nullptr, 0), loopback) == Reason::kHostRefused);
  CHECK(check_host(head_with("evil.example", nullptr, 0), loopback) == Reason::kHostRefused);
}

TEST_CASE("which Origin may ask, and which gets CORS headers") {
  const frontend::Options none;
  frontend::Options some;
  some.cors_origins = {"https://wallet.example"};
  frontend::Options any;
  any.cors_origins = {"*"};
  struct Row {
    const char* what;
    const frontend::Options* options;
    const char* host;
    const char* origin;
    Reason reason;
    bool cors;
  };
  const Row rows[] = {
      {"no browser", &none, "localhost", nullptr, Reason::kNone, false},
      {"this very host", &none, "localhost:4545", "http://localhost:4545", Reason::kNone, false},
      {"another port of it", &none, "localhost:4545", "http://localhost:80", Reason::kOriginRefused,
       false},
      {"a stranger", &none, "localhost", "https://evil.example", Reason::kOriginRefused, false},
      {"an opaque one", &none, "localhost", "null", Reason::kOriginRefused, false},
      {"a configured one", &some, "localhost", "https://Wallet.example", Reason::kNone, true},
      {"its name over another scheme", &some, "localhost", "http://wallet.example",
       Reason::kOriginRefused, false},
      {"one that begins like it", &some, "localhost", "https://wallet.example.evil.example",
       Reason::kOriginRefused, false},
      {"anybody", &any, "localhost", "https://evil.example", Reason::kNone, true},
      {"anybody, opaque", &any, "localhost", "null", Reason::kNone, true},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const auto head = head_with(row.host, row.origin);
    CHECK(check_origin(head, *row.options) == row.reason);
    CHECK(origin_allowed(head.origin, *row.options) == row.cors);
    const std::string lines = preflight_headers(head, *row.options);
    CHECK((lines.find("Access-Control-Allow-Origin: ") != std::string::npos) == row.cors);
    CHECK(lines.find("Allow: POST, OPTIONS\r\n") == 0);
    CHECK(lines.ends_with("\r\n"));
    CHECK(lines.find("\r\n\r\n") == std::string::npos);
  }
}

TEST_CASE("the client's address, through proxies that are trusted and no further") {
  frontend::TrustedNetworks trusted;
  trusted.v4.push_back(net::asio::ip::make_network_v4("10.0.0.0/8"));
  trusted.v6.push_back(net::asio::ip::make_network_v6("fd00::/16"));
  struct Row {
    const char* what;
    const char* peer;
    const char* hops;
    const char* client;
  };
  const Row rows[] = {
      {"nobody in between", "203.0.113.1", "", "203.0.113.1"},
      {"a stranger may say what it likes", "203.0.113.1", "10.0.0.1", "203.0.113.1"},
      {"one proxy", "10.0.0.1", "203.0.113.1", "203.0.113.1"},
      {"two proxies", "10.0.0.1", "203.0.113.1, 10.9.9.9", "203.0.113.1"},
      {"what the client made up is not believed", "10.0.0.1", "1.1.1.1, 203.0.113.1",
       "203.0.113.1"},
      {"all trusted: the farthest", "10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
      {"nonsense ends the walk", "10.0.0.1", "203.0.113.1, unknown", "10.0.0.1"},
      {"an address with a port is nonsense", "10.0.0.1", "203.0.113.1:80", "10.0.0.1"},
      {"IPv6", "fd00::1", "2001:db8::1", "2001:db8::1"},
      {"IPv4 in IPv6", "10.0.0.1", "203.0.113.1, ::ffff:10.0.0.2", "203.0.113.1"},
      {"blanks and tabs", "10.0.0.1", " \t203.0.113.1\t ", "203.0.113.1"},
      {"an empty hop", "10.0.0.1", "203.0.113.1,", "10.0.0.1"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    http::RequestHead head;
    head.forwarded_for = row.hops;
    CHECK(client_address(net::asio::ip::make_address(row.peer), head, trusted).to_string() ==
          row.client);
  }
  std::string many = "203.0.113.1";
  for (int i = 0; i < 100; ++i) many += ", 10.0.0.2";
  http::RequestHead head;
  head.forwarded_for = many;
  CHECK(client_address(net::asio::ip::make_address("10.0.0.1"), head, trusted).to_string() ==
        "10.0.0.2");
}
