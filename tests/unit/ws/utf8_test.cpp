// SPDX-License-Identifier: Apache-2.0
#include "ws/utf8.hpp"

#include <string>

#include "support/catch.hpp"

using sluice::ws::is_utf8;

namespace {

std::string encoded(std::uint32_t c) {
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80U | (c >> shift & 0x3FU)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0U | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0U | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | c >> 18), tail(12), tail(6), tail(0)};
}

/// Decodes one character by arithmetic and says whether it is the shortest form of a scalar value.
bool naive_character(const std::string& s) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  std::size_t size = 0;
  std::uint32_t value = 0;
  if (byte(0) < 0x80)
    size = 1, value = byte(0);
  else if (byte(0) >> 5 == 6)
    size = 2, value = byte(0) & 0x1FU;
  else if (byte(0) >> 4 == 14)
    size = 3, value = byte(0) & 0x0FU;
  else if (byte(0) >> 3 == 30)
    size = 4, value = byte(0) & 0x07U;
  if (size != s.size()) return false;
  for (std::size_t i = 1; i < size; ++i) {
    if (byte(i) >> 6 != 2) return false;
    value = value << 6 | (byte(i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return !surrogate && value <= 0x10FFFF && encoded(value) == s;
}

}  // namespace

TEST_CASE("every scalar value is accepted, every surrogate refused") {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    const bool scalar = c < 0xD800 || c > 0xDFFF;
    if (is_utf8(encoded(c)) == scalar) continue;
    CAPTURE(c);
    CHECK(is_utf8(encoded(c)) == scalar);
  }
  CHECK_FALSE(is_utf8(encoded(0x110000)));
}

TEST_CASE(
    "all sequences of one to three bytes, and four over the edges, against plain arithmetic") {
  const auto check = [](const std::string& s) {
    if (is_utf8(s) == naive_character(s)) return;
    CAPTURE(s.size(), int(s[0]), int(s.back()));
    CHECK(is_utf8(s) == naive_character(s));
  };
  for (int a = 0; a < 256; ++a) {
    check({static_cast<char>(a)});
    for (int b = a < 0x80 ? 256 : 0; b < 256; ++b) {
      if (a >= 0xC0) check({static_cast<char>(a), static_cast<char>(b)});
      if (a < 0xE0) continue;
      for (int c = 0; c < 256; ++c)
        check({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
      if (a < 0xF0) continue;
      for (const int c : {0x00, 0x7F, 0x80, 0x8F, 0xBF, 0xC0, 0xFF}) {
        for (const int d : {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF}) {
          check({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c),
                 static_cast<char>(d)});
        }
      }
    }
  }
}

TEST_CASE("the ASCII fast path: a bad byte at each place of texts of each length") {
  for (std::size_t size = 1; size < 70; ++size) {
    const std::string good(size, 'a');
    CHECK(is_utf8(good));
    for (std::size_t at = 0; at < size; ++at) {
      std::string bad = good;
      bad[at] = '\x80';
      if (!is_utf8(bad)) continue;
      CAPTURE(size, at);
      CHECK_FALSE(is_utf8(bad));
    }
  }
}
