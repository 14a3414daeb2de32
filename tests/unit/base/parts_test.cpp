// SPDX-License-Identifier: Apache-2.0
#include "base/parts.hpp"

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

TEST_CASE("nothing appended changes nothing") {
  std::string out = "same";
  append_parts(out, "", std::string_view());
  append_parts(out, std::span<const std::string_view>());
  CHECK(out == "same");
}

TEST_CASE("a number as text") {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, UINT64_MAX}) {
    CHECK(std::string_view(Decimal(value)) == std::to_string(value));
    CHECK(Decimal(value).size() == std::to_string(value).size());
  }
}

}  // namespace sluice
