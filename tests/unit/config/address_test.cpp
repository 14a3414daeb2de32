// SPDX-License-Identifier: Apache-2.0
#include "config/address.hpp"

#include <sstream>

#include "config/secret.hpp"
#include "config/url.hpp"
#include "support/catch.hpp"

using namespace sluice::config;

TEST_CASE("addresses to listen on") {
  for (const char* text :
       {"127.0.0.1:4545", "[::1]:0", "[::]:65535", "localhost:80", "0.0.0.0:1"}) {
    INFO(text);
    const auto address = parse_address(text);
    REQUIRE(address);
    CHECK(address->text() == text);
  }
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", ":80", "::1:80", "[127.0.0.1]:80", "[::1]", "host:80",
        "127.0.0.1:65536", "127.0.0.1:080", "127.0.0.1:-1", "127.1:80", "[::1%lo]:80", "[]:80",
        "127.0.0.1:80 ", "127.0.0.1:4294967376"}) {
    INFO(text);
    CHECK_FALSE(parse_address(text));
  }
  CHECK(parse_address("localhost:1")->is_loopback());
  CHECK(parse_address("[::1]:1")->is_loopback());
  CHECK_FALSE(parse_address("0.0.0.0:1")->is_loopback());
}

TEST_CASE("what kind of address an IP is") {
  const struct {
    const char* text;
    bool v4, loopback, any, link_local;
  } cases[] = {
      {"127.0.0.1", true, true, false, false},
      {"127.8.9.1", true, true, false, false},
      {"0.0.0.0", true, false, true, false},
      {"169.254.169.254", true, false, false, true},
      {"169.253.1.1", true, false, false, false},
      {"::1", false, true, false, false},
      {"::", false, false, true, false},
      {"fe80::1", false, false, false, true},
      {"febf::1", false, false, false, true},
      {"fec0::1", false, false, false, false},
      {"fd00:ec2::254", false, false, false, true},
      {"fd00:ec2::253", false, false, false, false},
      {"::ffff:127.0.0.1", true, true, false, false},
      {"::ffff:169.254.1.1", true, false, false, true},
  };
  for (const auto& each : cases) {
    INFO(each.text);
    const auto ip = parse_ip(each.text);
    REQUIRE(ip);
    CHECK(ip->is_v4() == each.v4);
    CHECK(ip->is_loopback() == each.loopback);
    CHECK(ip->is_any() == each.any);
    CHECK(ip->is_link_local() == each.link_local);
  }
}

TEST_CASE("address ranges") {
  const struct {
    const char* range;
    const char* inside;
    const char* outside;
  } cases[] = {
      {"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
      {"10.1.2.3", "10.1.2.3", "10.1.2.4"},
      {"192.168.4.0/22", "192.168.7.255", "192.168.8.0"},
      {"0.0.0.0/0", "255.1.2.3", "2001:db8::1"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
      {"::/0", "1.2.3.4", nullptr},
      {"::1", "::1", "::2"},
  };
  for (const auto& each : cases) {
    INFO(each.range);
    const auto range = parse_cidr(each.range);
    REQUIRE(range);
    CHECK(range->text() == each.range);
    CHECK(range->contains(*parse_ip(each.inside)));
    if (each.outside != nullptr) CHECK_FALSE(range->contains(*parse_ip(each.outside)));
  }
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.1/8",
                           "::/129", "2001:db8::1/64", "::ffff:10.0.0.0/104", "10.0.0.0/8/8"}) {
    INFO(text);
    CHECK_FALSE(parse_cidr(text));
  }
  const unsigned char v4[] = {10, 1, 2, 3};
  CHECK(parse_cidr("10.0.0.0/8")->contains(std::span<const unsigned char>(v4)));
  CHECK_FALSE(parse_cidr("10.0.0.0/8")->contains(std::span<const unsigned char>(v4, 3)));
}

TEST_CASE("URLs are split, and printed without what may be secret") {
  const struct {
    const char* text;
    const char* host;
    int port;
    const char* path;
    const char* userinfo;
    const char* redacted;
    const char* authority;
  } cases[] = {
      {"http://node", "node", 80, "/", "", "http://node:80", "node"},
      {"HTTPS://Node.Example", "node.example", 443, "/", "", "https://node.example:443",
       "node.example"},
      {"http://node:8545/a/b?c=d", "node", 8545, "/a/b?c=d", "", "http://node:8545", "node:8545"},
      {"https://node?key=k", "node", 443, "/?key=k", "", "https://node:443", "node"},
      {"https://u:p@node/", "node", 443, "/", "u:p", "https://node:443", "node"},
      {"https://u@x:p@node:1/", "node", 1, "/", "u@x:p", "https://node:1", "node:1"},
      {"http://[::1]:8545/", "::1", 8545, "/", "", "http://[::1]:8545", "[::1]:8545"},
      {"http://[2001:DB8::1]", "2001:db8::1", 80, "/", "", "http://[2001:db8::1]:80",
       "[2001:db8::1]"},
      {"http://10.0.0.1:80/%2F", "10.0.0.1", 80, "/%2F", "", "http://10.0.0.1:80", "10.0.0.1"},
      {"http://a_b.c-d:1", "a_b.c-d", 1, "/", "", "http://a_b.c-d:1", "a_b.c-d:1"},
  };
  for (const auto& each : cases) {
    INFO(each.text);
    const auto url = parse_url(each.text);
    REQUIRE(url);
    CHECK(url->host == each.host);
    CHECK(url->port == each.port);
    CHECK(url->path_and_query == each.path);
    CHECK(url->userinfo == each.userinfo);
    CHECK(url->redacted() == each.redacted);
    CHECK(url->authority() == each.authority);
    std::ostringstream streamed;
    streamed << *url;
    CHECK(streamed.str() == each.redacted);
    CHECK(fmt::format("{}", *url) == each.redacted);
  }
  for (const char* text :
       {"http://10.0.0.256", "http://10.1", "http://1", "http://a.0x1", "http://a..b", "http://-a",
        "http://a-", "http://a.", "http://.a", "http://[::1]x", "http://a:b:1",
        "http://a:", "http://a:00000000000000000080000", "http:/a", "//a", "http://u@"}) {
    INFO(text);
    CHECK_FALSE(parse_url(text));
  }
}

TEST_CASE("secrets do not print") {
  const Secret secret("canary");
  std::ostringstream streamed;
  streamed << secret;
  CHECK(streamed.str() == "***");
  CHECK(fmt::format("{}", secret) == "***");
  CHECK(secret.value() == "canary");
}
