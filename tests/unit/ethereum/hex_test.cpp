// SPDX-License-Identifier: Apache-2.0
#include "ethereum/hex.hpp"

#include <array>

#include "support/catch.hpp"

using namespace sluice::ethereum;

TEST_CASE("quantities are read") {
  CHECK(parse_quantity("0x0") == 0U);
  CHECK(parse_quantity("0x1b4") == 436U);
  CHECK(parse_quantity("0X1B4") == 436U);
  CHECK(parse_quantity("0x00000000000000000000001b4") == 436U);
  CHECK(parse_quantity("0xffffffffffffffff") == UINT64_MAX);
  for (const std::string_view bad : {"", "0", "0x", "x1", "1b4", "0x1g", "0x 1", " 0x1", "0x1 ",
                                     "-0x1", "0x10000000000000000", "0xfffffffffffffffff"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_quantity(bad).has_value());
  }
}

TEST_CASE("quantities are written in their shortest form, behind what is there") {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{15}, std::uint64_t{16},
                                    std::uint64_t{3503995874084926}, UINT64_MAX}) {
    std::string out = "\"";
    append_quantity(out, value);
    CHECK(parse_quantity(std::string_view(out).substr(1)) == value);
  }
  std::string out = "a";
  append_quantity(out, 0);
  append_quantity(out, 436);
  CHECK(out == "a0x00x1b4");
}

TEST_CASE("bytes to hex and back") {
  const std::array<std::uint8_t, 4> bytes = {0x00, 0x9f, 0xa0, 0xff};
  std::string out;
  append_hex(out, bytes);
  CHECK(out == "0x009fa0ff");
  std::array<std::uint8_t, 4> back{};
  CHECK(decode_hex("009Fa0fF", back));
  CHECK(back == bytes);
  CHECK(decode_hex("", back));
  CHECK_FALSE(decode_hex("009", back));
  CHECK_FALSE(decode_hex("0g", back));
  CHECK_FALSE(decode_hex("g0", back));
  CHECK_FALSE(decode_hex("0011223344", back));
}
