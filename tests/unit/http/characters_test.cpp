// SPDX-License-Identifier: Apache-2.0
#include "http/characters.hpp"

#include "feed.hpp"
#include "http/authority.hpp"
#include "http/scan.hpp"

using namespace sluice::http;
using namespace sluice::http::test;

TEST_CASE("tokens are the tchars of RFC 9110 and nothing else") {
  const std::string tchars =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    INFO(c);
    CHECK(is_token(std::string(1, byte)) == (tchars.find(byte) != std::string::npos));
  }
  CHECK(is_token(tchars));
  CHECK_FALSE(is_token(""));
  CHECK_FALSE(is_token("a b"));
}

TEST_CASE("comparison ignores the case of ASCII letters only") {
  CHECK(iequals("", ""));
  CHECK(iequals("Content-Length", "cONTENT-lENGTH"));
  CHECK_FALSE(iequals("a", "ab"));
  CHECK_FALSE(iequals("@", "`"));
  CHECK_FALSE(iequals("[", "{"));
  CHECK_FALSE(iequals("\xC4", "\xE4"));
}

TEST_CASE("controls are found at every place of every length") {
  for (std::size_t size = 0; size < 70; ++size) {
    const HeapCopy clean(std::string(size, 'a'));
    const char* const end = clean.view().data() + size;
    REQUIRE(find_control(clean.view().data(), end) == end);
    for (std::size_t at = 0; at < size; ++at) {
      for (const int c : {0, 1, 8, 9, 10, 13, 31, 32, 126, 127, 128, 255}) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(c);
        const HeapCopy copy(text);
        const bool control = (c < 32 && c != 9) || c == 127;
        const auto found =
            find_control(copy.view().data(), copy.view().data() + size) - copy.view().data();
        REQUIRE(static_cast<std::size_t>(found) == (control ? at : size));
      }
    }
  }
}

TEST_CASE("lists are read from both ends") {
  struct Row {
    std::string_view list;
    std::vector<std::string> items;
  };
  const std::vector<Row> rows = {
      {"a", {"a"}}, {"a,b", {"a", "b"}}, {" a ,\tb , c ", {"a", "b", "c"}},
      {"", {""}},   {",", {"", ""}},     {"a,,b,", {"a", "", "b", ""}},
  };
  for (const Row& row : rows) {
    INFO(row.list);
    std::vector<std::string> forward, backward;
    std::string_view rest = row.list, item;
    while (take_item(rest, item)) forward.emplace_back(item);
    rest = row.list;
    while (take_last_item(rest, item)) backward.insert(backward.begin(), std::string(item));
    CHECK(forward == row.items);
    CHECK(backward == row.items);
  }
  std::string_view none, item;
  CHECK_FALSE(take_item(none, item));
  CHECK_FALSE(take_last_item(none, item));
}

TEST_CASE("a chain of a thousand hops is read hop by hop from the near end") {
  std::string hops = "0";
  for (int i = 1; i < 1000; ++i) hops += ", " + std::to_string(i);
  std::string_view rest = hops, item;
  for (int i = 999; i >= 0; --i) {
    REQUIRE(take_last_item(rest, item));
    REQUIRE(item == std::to_string(i));
  }
  CHECK_FALSE(take_last_item(rest, item));
}

TEST_CASE("an authority is split into host and port") {
  struct Row {
    std::string_view text, host;
    std::uint16_t port;
  };
  const std::vector<Row> rows = {
      {"node", "node", 0}, {"node:1", "node", 1},       {"1.2.3.4:65535", "1.2.3.4", 65535},
      {"[::1]", "::1", 0}, {"[::1]:8545", "::1", 8545}, {"node:00080", "node", 80},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    std::string_view host;
    std::uint16_t port = 7;
    REQUIRE(valid_host(row.text, host, port));
    CHECK(host == row.host);
    CHECK(port == row.port);
  }
  std::string_view host = "kept";
  std::uint16_t port = 7;
  CHECK_FALSE(valid_host("", host, port));
  CHECK_FALSE(valid_host("a:b", host, port));
  CHECK_FALSE(valid_host(bytes("[::1\0]"), host, port));
  CHECK(host == "kept");
  CHECK(port == 7);
}
