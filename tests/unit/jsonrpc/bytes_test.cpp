// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/bytes.hpp"

#include <string>

#include "jsonrpc/utf8.hpp"
#include "reference_json.hpp"
#include "support/catch.hpp"

using namespace sluice::jsonrpc;

namespace {

bool plain(unsigned byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

}  // namespace

TEST_CASE("a plain run ends at every byte that is not plain, wherever it stands") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (std::size_t size = 0; size < 40; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, at % 2 == 0 ? '\x7f' : ' ');
        text[at] = static_cast<char>(byte);
        const char* const end = text.data() + size;
        const char* const expected = plain(byte) ? end : text.data() + at;
        if (plain_run(text.data(), end) != expected ||
            plain_run_portable(text.data(), end) != expected) {
          CAPTURE(byte, size, at);
          FAIL("another end");
        }
      }
    }
  }
}

TEST_CASE("white space ends at every byte that is none, wherever it stands") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool space = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
    for (std::size_t size = 0; size < 40; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, " \t\n\r"[at % 4]);
        text[at] = static_cast<char>(byte);
        const char* const end = text.data() + size;
        if (skip_space(text.data(), end) != (space ? end : text.data() + at)) {
          CAPTURE(byte, size, at);
          FAIL("another end");
        }
      }
    }
  }
}

TEST_CASE("multi-byte sequences are those of the reference, all of them") {
  unsigned accepted = 0;
  const auto check = [&accepted](const std::string& bytes) {
    const char* const end = bytes.data() + bytes.size();
    const bool whole = utf8_sequence(bytes.data(), end) == end;
    accepted += whole ? 1U : 0U;
    if (whole != reference::valid_json('"' + bytes + '"')) {
      CAPTURE(bytes);
      FAIL("another verdict");
    }
  };
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  for (unsigned a = 0x80; a < 0x100; ++a) {
    for (unsigned b = 0x70; b < 0x100; ++b) {
      check({byte(a), byte(b)});
      for (const unsigned c : {0x00U, 0x22U, 0x7fU, 0x80U, 0xbfU, 0xc0U, 0xffU}) {
        if (a >= 0xe0) check({byte(a), byte(b), byte(c)});
        for (const unsigned d : {0x00U, 0x7fU, 0x80U, 0xbfU, 0xc0U}) {
          if (a >= 0xf0) check({byte(a), byte(b), byte(c), byte(d)});
        }
      }
    }
  }
  CHECK(accepted > 4000);
}
