// SPDX-License-Identifier: Apache-2.0
// What the tables cannot say: when an error comes, time, memory, the buffer's protocol.
#include "ws/decoder.hpp"

#include <chrono>

#include "cases.hpp"
#include "support/catch.hpp"

using namespace sluice::ws;
using namespace sluice::ws::test;
using std::chrono::milliseconds;

namespace {

std::string from_client(const std::vector<FrameSpec>& frames) {
  return wire(frames, Role::kClient);
}

/// After how many bytes, fed one by one, the decoder of a server gives up.
std::size_t fails_at(const std::string& bytes) {
  Feeder feeder(Role::kServer);
  for (const char byte : bytes) feeder.feed({&byte, 1});
  return feeder.failed_at();
}

}  // namespace

TEST_CASE("an error comes with the first byte that shows it") {
  struct Row {
    const char* name;
    std::string bytes;
    std::size_t at;
  };
  const std::string prefix = from_client({frame(kText, "a", false)});
  const std::vector<Row> rows = {
      {"reserved bit", from_client({with_rsv(frame(kText, "hi"), 4)}), 1},
      {"reserved opcode", from_client({frame(3, "hi")}), 1},
      {"fragmented ping", from_client({frame(kPing, "hi", false)}), 1},
      {"continuation of nothing", from_client({frame(kCont, "hi")}), 1},
      {"text inside a text", prefix + from_client({frame(kText, "hi")}), prefix.size() + 1},
      {"no mask", from_client({flipped(frame(kText, "hi"))}), 2},
      {"large ping", from_client({frame(kPing, std::string(126, 'p'))}), 2},
      {"top bit of the length", from_client({with_length(frame(kBin, "x"), 8, 1ULL << 63)}), 3},
      {"short length in 2 bytes", from_client({with_length(frame(kBin, "x"), 2, 1)}), 4},
      {"short length in 8 bytes", from_client({with_length(frame(kBin, "x"), 8, 65535)}), 10},
      {"above the limit", from_client({with_length(frame(kBin, "x"), 8, (16U << 20) + 1)}), 10},
      {"bad byte in a text", from_client({frame(kText, "abc\xff" + std::string(90, 'x'))}), 6 + 4},
      {"surrogate in a text", from_client({frame(kText, "\xed\xa0" + std::string(90, 'x'))}),
       6 + 2},
      {"overlong in a text", from_client({frame(kText, "\xf0\x80" + std::string(90, 'x'))}), 6 + 2},
      {"above U+10FFFF", from_client({frame(kText, "\xf4\x90" + std::string(90, 'x'))}), 6 + 2},
      {"bad byte in a fragment",
       prefix + from_client({frame(kCont,
                                   "bc\xff"
                                   "d",
                                   false)}),
       prefix.size() + 6 + 3},
      {"character open at the end", from_client({frame(kText, "ab\xe2\x82")}), 6 + 4},
      {"bad close code", from_client({frame(kClose, status(1005) + "why")}), 6 + 5},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(fails_at(row.bytes) == row.at);
  }
}

TEST_CASE("pings are counted in windows of a second") {
  const std::string one = from_client({frame(kPing, "p")});
  const sluice::TimePoint start{std::chrono::hours(1000)};
  Feeder feeder(Role::kServer);
  for (int i = 0; i < 50; ++i) feeder.feed(one, start + milliseconds(i * 10));
  feeder.feed(one, start + milliseconds(1000));
  CHECK(feeder.failed_at() == 0);
  for (int i = 0; i < 49; ++i) feeder.feed(one, start + milliseconds(1001 + i));
  CHECK(feeder.failed_at() == 0);
  feeder.feed(one, start + milliseconds(1999));
  CHECK(feeder.failed_at() == 101 * one.size());
  CHECK(feeder.transcript().ends_with(error(1008)));
}

TEST_CASE("a steady ping each 20 ms goes on for ever") {
  const std::string one = from_client({frame(kPing, "")});
  Feeder feeder(Role::kServer);
  for (int i = 0; i < 5000; ++i) feeder.feed(one, sluice::TimePoint{milliseconds(i * 20)});
  CHECK(feeder.failed_at() == 0);
}

TEST_CASE("floods of fragments end at their caps") {
  std::string tiny = from_client({frame(kText, "a", false)});
  const std::string piece = from_client({frame(kCont, "a", false)});
  for (int i = 0; i < 100000; ++i) tiny += piece;
  Feeder one_byte(Role::kServer);
  one_byte.feed(tiny);
  CHECK(one_byte.transcript() == error(1008));
  CHECK(one_byte.held() == 0);

  std::string empty = from_client({frame(kText, "", false)});
  const std::string nothing = from_client({frame(kCont, "", false)});
  for (int i = 0; i < 100; ++i) empty += nothing;
  CHECK(decode(Role::kServer, empty) == error(1008));
  CHECK(decode_in_steps(Role::kServer, empty, 3) == error(1008));
}

TEST_CASE("a large message in frames of 1 KiB with an empty last one passes") {
  const std::string piece = from_client({frame(kCont, std::string(1024, 'x'), false)});
  std::string bytes = from_client({frame(kText, "", false)});
  for (int i = 0; i < 16 * 1024; ++i) bytes += piece;
  bytes += from_client({frame(kCont, "")});
  CHECK(decode(Role::kServer, bytes) == text(std::string(std::size_t{16} << 20, 'x')));
}

TEST_CASE("the buffer that a frame wants") {
  Decoder decoder(Role::kServer);
  std::size_t total = 7;
  CHECK_FALSE(decoder.wants_large(total));
  CHECK(total == 7);

  SECTION("a message in one frame: its payload") {
    std::string bytes = from_client({with_length(frame(kText, "begin"), 8, 100000)});
    std::size_t consumed = 0;
    CHECK(decoder.next(bytes.data(), bytes.size(), consumed, {}).kind == Event::Kind::kNeedMore);
    CHECK(consumed == 14);
    REQUIRE(decoder.wants_large(total));
    CHECK(total == 100000);
  }
  SECTION("a fragment: nothing, its bytes leave the buffer as they come") {
    std::string bytes = from_client({with_length(frame(kText, "begin", false), 8, 100000)});
    std::size_t consumed = 0;
    CHECK(decoder.next(bytes.data(), bytes.size(), consumed, {}).kind == Event::Kind::kNeedMore);
    CHECK(consumed == bytes.size());
    CHECK_FALSE(decoder.wants_large(total));
  }
  SECTION("above the limit: nothing") {
    std::string bytes = from_client({with_length(frame(kText, "begin"), 8, 1ULL << 40)});
    std::size_t consumed = 0;
    CHECK(decoder.next(bytes.data(), bytes.size(), consumed, {}).close_code == close_code::kTooBig);
    CHECK(consumed == bytes.size());
    CHECK_FALSE(decoder.wants_large(total));
    CHECK(decoder.finished());
  }
}

TEST_CASE("a message in one frame is a view into the caller's buffer") {
  Decoder decoder(Role::kServer);
  std::string bytes = from_client({frame(kText, "first"), frame(kBin, "second")});
  std::size_t consumed = 0;
  const Event first = decoder.next(bytes.data(), bytes.size(), consumed, {});
  CHECK(first.payload == "first");
  CHECK(first.payload.data() == bytes.data() + 6);
  CHECK(consumed == 11);
  std::size_t more = 0;
  const Event second = decoder.next(bytes.data() + consumed, bytes.size() - consumed, more, {});
  CHECK(second.payload == "second");
  CHECK(first.payload == "first");
  CHECK(consumed + more == bytes.size());
}

TEST_CASE("after a close everything is swallowed") {
  Feeder feeder(Role::kClient);
  feeder.feed(wire({frame(kClose, "")}, Role::kServer));
  CHECK(feeder.decoder().finished());
  feeder.feed(std::string(1000, '\xff'));
  feeder.feed({});
  CHECK(feeder.transcript() == closed(1005));
  CHECK(feeder.held() == 0);
}

TEST_CASE("the event that ends the stream takes all bytes with it") {
  for (const FrameSpec& last : {frame(kClose, "x"), frame(kClose, status(1000)),
                                frame(kText, "\xff"), frame(kText, "\xff", false), frame(3, "")}) {
    std::string bytes = from_client({last, frame(kText, "late")});
    Decoder decoder(Role::kServer);
    std::size_t consumed = 0;
    CHECK(decoder.next(bytes.data(), bytes.size(), consumed, {}).kind != Event::Kind::kNeedMore);
    CHECK(consumed == bytes.size());
  }
}

TEST_CASE("answers to a close") {
  const auto reply = [](std::string_view bytes) {
    std::string in(bytes);
    Decoder decoder(Role::kServer);
    std::size_t consumed = 0;
    const Event event = decoder.next(in.data(), in.size(), consumed, {});
    std::string out;
    append_close_reply(out, Role::kServer, event);
    return decode(Role::kClient, out);
  };
  CHECK(reply(from_client({frame(kClose, "")})) == closed(1005));
  CHECK(reply(from_client({frame(kClose, status(1001) + "bye")})) == closed(1001));
  CHECK(reply(from_client({frame(kClose, status(4999))})) == closed(4999));
  CHECK(reply(from_client({frame(kClose, "x")})) == closed(1002, "close code cut short"));
  CHECK(reply(from_client({frame(kText, "\xff")})) == closed(1007, "text that is not UTF-8"));
}
