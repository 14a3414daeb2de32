// SPDX-License-Identifier: Apache-2.0
#include "ws/frame.hpp"

#include <array>
#include <set>

#include "feed.hpp"
#include "support/catch.hpp"
#include "ws/pending_pong.hpp"

using namespace sluice::ws;
using namespace sluice::ws::test;

namespace {

std::string header(Role role, Opcode opcode, std::uint64_t size, std::uint32_t key = 0,
                   bool fin = true) {
  std::array<char, kFrameHeaderMax> out{};
  return {out.data(), write_frame_header(out.data(), role, opcode, size, key, fin)};
}

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

}  // namespace

TEST_CASE("frame headers, byte for byte") {
  const auto server = Role::kServer;
  const auto client = Role::kClient;
  CHECK(header(server, Opcode::kText, 5) == bytes({0x81, 5}));
  CHECK(header(server, Opcode::kText, 125) == bytes({0x81, 125}));
  CHECK(header(server, Opcode::kBinary, 126) == bytes({0x82, 126, 0, 126}));
  CHECK(header(server, Opcode::kBinary, 65535) == bytes({0x82, 126, 0xff, 0xff}));
  CHECK(header(server, Opcode::kBinary, 65536) == bytes({0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}));
  CHECK(header(server, Opcode::kText, 3, 0, false) == bytes({0x01, 3}));
  CHECK(header(server, Opcode::kContinuation, 3) == bytes({0x80, 3}));
  CHECK(header(client, Opcode::kText, 5, 0x37fa213d) ==
        bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d}));
  CHECK(header(client, Opcode::kText, 65536, 1).size() == kFrameHeaderMax);
}

TEST_CASE("the examples of RFC 6455, 5.7") {
  std::string out;
  append_frame(out, Role::kServer, Opcode::kText, "Hello");
  CHECK(out == bytes({0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
  out.clear();
  append_frame(out, Role::kClient, Opcode::kText, "Hello", 0x37fa213d);
  CHECK(out == bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
  out.clear();
  append_frame(out, Role::kServer, Opcode::kPing, "Hello");
  CHECK(out == bytes({0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}));
  out.clear();
  append_frame(out, Role::kClient, Opcode::kPong, "Hello", 0x37fa213d);
  CHECK(out == bytes({0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
}

TEST_CASE("several frames join in one string") {
  std::string out;
  append_frame(out, Role::kServer, Opcode::kText, "one");
  append_frame(out, Role::kServer, Opcode::kPong, "two");
  append_close(out, Role::kServer, close_code::kGoingAway, "three");
  CHECK(decode(Role::kClient, out) == text("one") + pong("two") + closed(1001, "three"));
}

TEST_CASE("a control frame never exceeds its 125 bytes") {
  std::string out;
  append_frame(out, Role::kServer, Opcode::kPing, std::string(200, 'p'));
  CHECK(decode(Role::kClient, out) == ping(std::string(125, 'p')));
}

TEST_CASE("close frames: codes that may be sent, reasons that fit") {
  const auto sent = [](std::uint16_t code, std::string_view reason) {
    std::string server, client;
    append_close(server, Role::kServer, code, reason);
    append_close(client, Role::kClient, code, reason, 0xdeadbeef);
    const std::string seen = decode(Role::kClient, server);
    CHECK(decode(Role::kServer, client) == seen);
    return seen;
  };
  CHECK(sent(1013, "try later") == closed(1013, "try later"));
  CHECK(sent(0, "x") == closed(1005));
  CHECK(sent(1005, "x") == closed(1005));
  CHECK(sent(1006, "x") == closed(1005));
  CHECK(sent(5000, "x") == closed(1005));
  const std::string long_ascii(200, 'a');
  CHECK(sent(1000, long_ascii) == closed(1000, long_ascii.substr(0, 123)));
  // 122 bytes, then a character of two, three or four: it does not fit and goes as a whole.
  for (const std::string character : {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    CHECK(sent(1000, long_ascii.substr(0, 122) + character) ==
          closed(1000, long_ascii.substr(0, 122)));
    CHECK(sent(1000, long_ascii.substr(0, 123 - character.size()) + character + "tail") ==
          closed(1000, long_ascii.substr(0, 123 - character.size()) + character));
  }
}

TEST_CASE("close codes, all 65536 of them") {
  std::set<unsigned> valid = {1000, 1001, 1002, 1003, 1007, 1008,
                              1009, 1010, 1011, 1012, 1013, 1014};
  for (unsigned code = 3000; code < 5000; ++code) valid.insert(code);
  for (unsigned code = 0; code <= 0xffff; ++code) {
    if (is_valid_close_code(static_cast<std::uint16_t>(code)) == valid.contains(code)) continue;
    CAPTURE(code);
    CHECK(is_valid_close_code(static_cast<std::uint16_t>(code)) == valid.contains(code));
  }
}

TEST_CASE("masking equals masking byte by byte, for any size, offset and alignment") {
  const MaskKey key = mask_key(0x01f27fe0);
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      for (std::size_t shift = 0; shift < 8; ++shift) {
        std::string data(size + shift, '\0');
        for (std::size_t i = 0; i < size; ++i) data[shift + i] = static_cast<char>(i * 31);
        std::string naive = data;
        for (std::size_t i = 0; i < size; ++i) {
          naive[shift + i] = static_cast<char>(naive[shift + i] ^ key[(offset + i) % 4]);
        }
        apply_mask(data.data() + shift, size, key, offset);
        if (data == naive) continue;
        CAPTURE(size, offset, shift);
        CHECK(data == naive);
      }
    }
  }
}

TEST_CASE("only the latest ping is owed an answer") {
  PendingPong pending;
  std::string out;
  pending.append_to(out, Role::kServer);
  CHECK(out.empty());
  for (int i = 0; i < 1000; ++i) pending.owe("ping-" + std::to_string(i));
  CHECK(pending.owed());
  pending.append_to(out, Role::kServer);
  pending.append_to(out, Role::kServer);
  CHECK_FALSE(pending.owed());
  CHECK(decode(Role::kClient, out) == pong("ping-999"));
  out.clear();
  pending.owe({});
  pending.append_to(out, Role::kClient, 0x12345678);
  CHECK(decode(Role::kServer, out) == pong(""));
}
