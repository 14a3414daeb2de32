// SPDX-License-Identifier: Apache-2.0
#include "base/parts.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"

namespace sluice {

TEST_CASE("parts are appended one after another, however much room there is") {
  for (std::size_t room = 0; room < 80; ++room) {
    CAPTURE(room);
    std::string out;
    out.reserve(room);
    out = "before";
    const std::string view = "a view";
    append_parts(out, " ", view, std::string_view(), ": ", Decimal(18446744073709551615U), "\r\n");
    CHECK(out == "before a view: 18446744073709551615\r\n");
    const std::array<std::string_view, 3> more = {"x", "", "yz"};
    append_parts(out, std::span<const std::string_view>(more));
    CHECK(out == "before a view: 18446744073709551615\r\nxyz");
  }
}

TEST_CASE("a part of any length is copied whole, and no byte beside it") {
  std::string text;
  for (char c = 'a'; text.size() < 100; ++c) text.push_back(c == 'z' ? c = 'a' : c);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CAPTURE(size);
    std::string out = "<";
    append_parts(out, std::string_view(text).substr(0, size), ">");
    CHECK(out == "<" + text.substr(0, size) + ">");
  }
}

TEST_CASE("nothing appended changes nothing") {
  std::string out = "same";
  append_parts(out, "", std::string_view());
  append_parts(out, std::span<const std::string_view>());
  CHECK(out == "same");
}

TEST_CASE("a number as text, of every length") {
  const auto max = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> values = {0, max, max - 1, 1, 9, 10, 99, 100, 101, 65535, 5242880};
  for (std::uint64_t power = 1; power <= max / 10; power *= 10) {
    values.insert(values.end(), {power, power - 1, power + 1, power * 9});
  }
  for (int bit = 0; bit < 64; ++bit) values.push_back(std::uint64_t{1} << bit);
  for (const std::uint64_t value : values) {
    CHECK(std::string_view(Decimal(value)) == std::to_string(value));
    CHECK(Decimal(value).size() == std::to_string(value).size());
  }
}

}  // namespace sluice
