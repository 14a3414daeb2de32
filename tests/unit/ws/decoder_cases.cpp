// SPDX-License-Identifier: Apache-2.0
// Tables of the decoder's behaviour: framing, control frames, fragments, close, sizes.
#include "cases.hpp"

namespace sluice::ws::test {
namespace {

std::string filled(std::size_t size, char c = '*') {
  return std::string(size, c);
}

/// A message cut into frames of `piece` bytes.
std::vector<FrameSpec> fragmented(unsigned opcode, const std::string& payload, std::size_t piece) {
  std::vector<FrameSpec> frames;
  for (std::size_t i = 0; i < payload.size(); i += piece) {
    frames.push_back(
        frame(i == 0 ? opcode : kCont, payload.substr(i, piece), i + piece >= payload.size()));
  }
  return frames;
}

const std::string kEnd = status(1000);
const std::string kClosed = closed(1000);

}  // namespace

std::vector<Case> framing_cases() {
  std::vector<Case> rows;
  for (const std::size_t size :
       {0UL, 1UL, 7UL, 8UL, 125UL, 126UL, 127UL, 128UL, 65535UL, 65536UL}) {
    rows.push_back({"text of " + std::to_string(size),
                    {frame(kText, filled(size)), frame(kClose, kEnd)},
                    text(filled(size)) + kClosed});
    rows.push_back({"binary of " + std::to_string(size),
                    {frame(kBin, filled(size, '\xfe')), frame(kClose, kEnd)},
                    binary(filled(size, '\xfe')) + kClosed});
  }
  for (unsigned rsv = 1; rsv <= 7; ++rsv) {
    const std::string bits = std::to_string(rsv);
    rows.push_back(
        {"reserved bits " + bits + " on text", {with_rsv(frame(kText, "hi"), rsv)}, error(1002)});
    rows.push_back({"reserved bits " + bits + " after a good message",
                    {frame(kText, "hi"), with_rsv(frame(kText, "hi"), rsv), frame(kPing, "")},
                    text("hi") + error(1002)});
    rows.push_back(
        {"reserved bits " + bits + " on a ping", {with_rsv(frame(kPing, ""), rsv)}, error(1002)});
    rows.push_back({"reserved bits " + bits + " on a continuation",
                    {frame(kText, "a", false), with_rsv(frame(kCont, "b"), rsv)},
                    error(1002)});
    rows.push_back({"reserved bits " + bits + " on a close",
                    {with_rsv(frame(kClose, kEnd), rsv)},
                    error(1002)});
  }
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    const std::string name = "opcode " + std::to_string(opcode);
    rows.push_back({name, {frame(opcode, "")}, error(1002)});
    rows.push_back({name + " with payload after a good message",
                    {frame(kText, "hi"), frame(opcode, "x")},
                    text("hi") + error(1002)});
    rows.push_back(
        {name + " inside a message", {frame(kText, "hi", false), frame(opcode, "x")}, error(1002)});
  }
  rows.push_back({"wrong masking", {flipped(frame(kText, "hi"))}, error(1002)});
  rows.push_back({"wrong masking of an empty frame", {flipped(frame(kBin, ""))}, error(1002)});
  rows.push_back({"wrong masking of a ping",
                  {frame(kText, "a"), flipped(frame(kPing, "hi"))},
                  text("a") + error(1002)});
  rows.push_back({"wrong masking of a close", {flipped(frame(kClose, kEnd))}, error(1002)});
  rows.push_back({"wrong masking of a fragment",
                  {frame(kText, "a", false), flipped(frame(kCont, "b"))},
                  error(1002)});

  rows.push_back({"length 0 in 2 bytes", {with_length(frame(kText, ""), 2, 0)}, error(1002)});
  rows.push_back(
      {"length 125 in 2 bytes", {with_length(frame(kText, filled(125)), 2, 125)}, error(1002)});
  rows.push_back({"length 0 in 8 bytes", {with_length(frame(kText, ""), 8, 0)}, error(1002)});
  rows.push_back(
      {"length 126 in 8 bytes", {with_length(frame(kBin, filled(126)), 8, 126)}, error(1002)});
  rows.push_back(
      {"length 65535 in 8 bytes", {with_length(frame(kBin, ""), 8, 65535)}, error(1002)});
  rows.push_back({"length 2^63", {with_length(frame(kText, ""), 8, 1ULL << 63)}, error(1002)});
  rows.push_back({"length 2^64 - 1", {with_length(frame(kText, ""), 8, ~0ULL)}, error(1002)});
  rows.push_back({"length 2^63 - 1", {with_length(frame(kText, ""), 8, ~0ULL >> 1)}, error(1009)});
  rows.push_back({"length 2^63 of a continuation",
                  {frame(kText, "a", false), with_length(frame(kCont, ""), 8, 1ULL << 63)},
                  error(1002)});
  rows.push_back({"length one above the limit",
                  {with_length(frame(kBin, ""), 8, (16ULL << 20) + 1)},
                  error(1009)});
  return rows;
}

std::vector<Case> control_cases() {
  std::vector<Case> rows;
  const std::string bytes{"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 8};
  for (const std::string& payload : {std::string(), std::string("Hello, world!"), bytes,
                                     filled(124, '\xfe'), filled(125, '\xfe')}) {
    const std::string size = std::to_string(payload.size());
    rows.push_back(
        {"ping of " + size, {frame(kPing, payload), frame(kClose, kEnd)}, ping(payload) + kClosed});
    rows.push_back(
        {"pong of " + size, {frame(kPong, payload), frame(kClose, kEnd)}, pong(payload) + kClosed});
  }
  for (const std::size_t size : {126UL, 127UL, 65536UL}) {
    rows.push_back({"ping of " + std::to_string(size), {frame(kPing, filled(size))}, error(1002)});
    rows.push_back({"pong of " + std::to_string(size), {frame(kPong, filled(size))}, error(1002)});
    rows.push_back({"close of " + std::to_string(size),
                    {frame(kClose, kEnd + filled(size - 2))},
                    error(1002)});
  }
  rows.push_back(
      {"ping of length 1 in 2 bytes", {with_length(frame(kPing, "x"), 2, 1)}, error(1002)});
  rows.push_back(
      {"ping of length 2^63", {with_length(frame(kPing, ""), 8, 1ULL << 63)}, error(1002)});
  for (const unsigned opcode : {kPing, kPong, kClose}) {
    rows.push_back(
        {"fragmented control " + std::to_string(opcode),
         {frame(opcode, opcode == kClose ? kEnd : "fragment1", false), frame(kCont, "fragment2")},
         error(1002)});
    rows.push_back({"fragmented empty control " + std::to_string(opcode),
                    {frame(opcode, "", false)},
                    error(1002)});
  }
  std::vector<FrameSpec> pings;
  std::string seen;
  for (int i = 0; i < 10; ++i) {
    pings.push_back(frame(kPing, "payload-" + std::to_string(i)));
    seen += ping("payload-" + std::to_string(i));
  }
  rows.push_back({"ten pings in one go", pings, seen});
  rows.push_back({"unsolicited pong, then ping",
                  {frame(kPong, "unsolicited"), frame(kPing, "p")},
                  pong("unsolicited") + ping("p")});
  const Limits three_pings{.pings_per_s_max = 3};
  rows.push_back({"pings at the limit",
                  {frame(kPing, "1"), frame(kPing, "2"), frame(kPing, "3"), frame(kText, "t")},
                  ping("1") + ping("2") + ping("3") + text("t"),
                  three_pings});
  rows.push_back({"pings above the limit",
                  {frame(kPing, "1"), frame(kPing, "2"), frame(kPing, "3"), frame(kPong, ""),
                   frame(kPing, "4"), frame(kText, "t")},
                  ping("1") + ping("2") + ping("3") + pong("") + error(1008),
                  three_pings});
  rows.push_back({"no pings allowed", {frame(kPing, "")}, error(1008), {.pings_per_s_max = 0}});
  return rows;
}

std::vector<Case> fragment_cases() {
  const auto a = frame(kText, "fragment1", false);
  const auto b = frame(kCont, "fragment2");
  const auto more = frame(kCont, "fragment2", false);
  const auto whole = text("fragment1fragment2");
  return {
      {"text in two", {a, b}, whole},
      {"binary in two",
       {frame(kBin, "\xff\x01", false), frame(kCont, "\x02")},
       binary("\xff\x01\x02")},
      {"ping between fragments",
       {a, frame(kPing, "ping payload"), b},
       ping("ping payload") + whole},
      {"pong between fragments", {a, frame(kPong, "p"), b}, pong("p") + whole},
      {"close between fragments", {a, frame(kClose, kEnd), b}, kClosed},
      {"wrong ping between fragments", {a, frame(kPing, filled(126)), b}, error(1002)},
      {"final continuation of nothing",
       {frame(kCont, "non-continuation"), frame(kText, "Hello")},
       error(1002)},
      {"open continuation of nothing",
       {frame(kCont, "non-continuation", false), frame(kText, "Hello")},
       error(1002)},
      {"empty continuation of nothing", {frame(kCont, "")}, error(1002)},
      {"continuation after a whole message",
       {frame(kText, "x"), frame(kCont, "y")},
       text("x") + error(1002)},
      {"continuation after a fragmented message", {a, b, frame(kCont, "y")}, whole + error(1002)},
      {"open continuation after a fragmented message",
       {a, b, frame(kCont, "y", false), frame(kText, "z")},
       whole + error(1002)},
      {"text inside a text", {a, frame(kText, "fragment2")}, error(1002)},
      {"open text inside a text", {a, frame(kText, "fragment2", false)}, error(1002)},
      {"binary inside a text", {a, frame(kBin, "fragment2")}, error(1002)},
      {"text inside a binary", {frame(kBin, "x", false), frame(kText, "y")}, error(1002)},
      {"text inside a text after a ping",
       {a, frame(kPing, ""), frame(kText, "y")},
       ping("") + error(1002)},
      {"three fragments",
       {a, more, frame(kCont, "fragment3")},
       text("fragment1fragment2fragment3")},
      {"pings in all gaps",
       {a, frame(kPing, "1"), more, frame(kPing, "2"), frame(kCont, "fragment3")},
       ping("1") + ping("2") + text("fragment1fragment2fragment3")},
      {"two fragmented messages",
       {a, b, frame(kBin, "x", false), frame(kCont, "y")},
       whole + binary("xy")},
      {"whole after fragmented after whole",
       {frame(kText, "w"), a, b, frame(kBin, "v")},
       text("w") + whole + binary("v")},
      {"fragmented, all empty",
       {frame(kText, "", false), frame(kCont, "", false), frame(kCont, "")},
       text("")},
      {"fragmented, only the middle filled",
       {frame(kText, "", false), frame(kCont, "middle", false), frame(kCont, "")},
       text("middle")},
      {"empty last fragment",
       {frame(kText, "all of it", false), frame(kCont, "")},
       text("all of it")},
      {"message never finished", {a, more, frame(kPing, "alive")}, ping("alive")},
      {"fragments at the limit", {a, more, frame(kCont, "")}, whole, {.fragments_max = 3}},
      {"fragments above the limit",
       {a, more, more, frame(kCont, "")},
       error(1008),
       {.fragments_max = 3}},
      {"fragments are counted for each message", {a, b, a, b}, whole + whole, {.fragments_max = 2}},
      {"control frames are no fragments",
       {a, frame(kPing, ""), frame(kPong, ""), b},
       ping("") + pong("") + whole,
       {.fragments_max = 2}},
      {"whole messages are no fragments",
       {frame(kText, "a"), frame(kText, "")},
       text("a") + text(""),
       {.fragments_max = 0, .empty_fragments_max = 0}},
      {"empty fragments at the limit",
       {frame(kText, "", false), frame(kCont, "x", false), frame(kCont, "")},
       text("x"),
       {.empty_fragments_max = 2}},
      {"empty fragments above the limit",
       {frame(kText, "", false), frame(kCont, "", false), frame(kCont, "", false)},
       error(1008),
       {.empty_fragments_max = 2}},
      {"empty first fragment above the limit",
       {frame(kBin, "", false)},
       error(1008),
       {.empty_fragments_max = 0}},
      {"message at the limit",
       {frame(kText, "12345678")},
       text("12345678"),
       {.message_bytes_max = 8}},
      {"message above the limit",
       {frame(kText, "123456789")},
       error(1009),
       {.message_bytes_max = 8}},
      {"only empty messages allowed",
       {frame(kText, ""), frame(kText, "1")},
       text("") + error(1009),
       {.message_bytes_max = 0}},
      {"fragments' sum at the limit",
       {frame(kText, "1234", false), frame(kCont, "5678")},
       text("12345678"),
       {.message_bytes_max = 8}},
      {"fragments' sum above the limit",
       {frame(kText, "1234", false), frame(kCont, "56789")},
       error(1009),
       {.message_bytes_max = 8}},
      {"the sum starts anew with each message",
       {frame(kText, "1234", false), frame(kCont, "5678"), frame(kBin, "abcd", false),
        frame(kCont, "efgh")},
       text("12345678") + binary("abcdefgh"),
       {.message_bytes_max = 8}},
      {"a fragment's length that would overflow the sum",
       {frame(kText, "1", false), with_length(frame(kCont, ""), 8, ~0ULL >> 1)},
       error(1009),
       {.message_bytes_max = ~0ULL >> 1}},
      {"control frames do not count towards the message",
       {frame(kText, "1234", false), frame(kPing, filled(100)), frame(kCont, "5678")},
       ping(filled(100)) + text("12345678"),
       {.message_bytes_max = 8}},
  };
}

std::vector<Case> close_cases() {
  std::vector<Case> rows = {
      {"close without payload", {frame(kClose, "")}, closed(1005)},
      {"close of one byte", {frame(kClose, "a")}, error(1002)},
      {"close with a code", {frame(kClose, kEnd)}, kClosed},
      {"close with a reason", {frame(kClose, kEnd + "Hello World!")}, closed(1000, "Hello World!")},
      {"close with the longest reason",
       {frame(kClose, kEnd + filled(123))},
       closed(1000, filled(123))},
      {"close with a reason in two scripts",
       {frame(kClose, kEnd + "\xce\xba\xe1\xbd\xb9")},
       closed(1000, "\xce\xba\xe1\xbd\xb9")},
      {"close reason with a bad byte", {frame(kClose, kEnd + "a\xff")}, error(1007)},
      {"close reason with a surrogate", {frame(kClose, kEnd + "\xed\xa0\x80")}, error(1007)},
      {"close reason cut inside a character", {frame(kClose, kEnd + "\xce")}, error(1007)},
      {"text after close", {frame(kClose, kEnd), frame(kText, "late")}, kClosed},
      {"ping after close", {frame(kClose, kEnd), frame(kPing, "late")}, kClosed},
      {"close after close", {frame(kClose, kEnd), frame(kClose, kEnd)}, kClosed},
      {"rubbish after close", {frame(kClose, kEnd), with_rsv(frame(15, "late"), 7)}, kClosed},
      {"a great deal after close", {frame(kClose, kEnd), frame(kBin, filled(70000))}, kClosed},
      {"text and ping before close",
       {frame(kText, "t"), frame(kPing, "p"), frame(kClose, kEnd)},
       text("t") + ping("p") + kClosed},
      {"everything after an error is ignored",
       {frame(3, ""), frame(kText, "late"), frame(kClose, kEnd)},
       error(1002)},
  };
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
    rows.push_back(
        {"close code " + std::to_string(code), {frame(kClose, status(code))}, closed(code)});
  }
  for (const unsigned code : {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 1999U, 2000U,
                              2999U, 5000U, 65535U}) {
    rows.push_back(
        {"close code " + std::to_string(code), {frame(kClose, status(code) + "why")}, error(1002)});
  }
  return rows;
}

std::vector<Case> size_cases() {
  std::vector<Case> rows;
  std::string message(65536, ' ');
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<char>('a' + i % 26);
  std::string octets(message);
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<char>(i * 7);
  for (const std::size_t piece : {64UL, 256UL, 1024UL, 1300UL, 4096UL, 16384UL, 65535UL, 65536UL}) {
    rows.push_back({"64 KiB of text in pieces of " + std::to_string(piece),
                    fragmented(kText, message, piece), text(message)});
    rows.push_back({"64 KiB of octets in pieces of " + std::to_string(piece),
                    fragmented(kBin, octets, piece), binary(octets)});
  }
  std::vector<FrameSpec> many;
  std::string seen;
  for (int i = 0; i < 200; ++i) {
    const std::string payload = filled(static_cast<std::size_t>(i % 130));
    many.push_back(frame(i % 2 == 0 ? kText : kBin, payload));
    seen += i % 2 == 0 ? text(payload) : binary(payload);
  }
  rows.push_back({"200 small messages in one go", many, seen});
  return rows;
}

}  // namespace sluice::ws::test
