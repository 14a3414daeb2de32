// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "feed.hpp"

namespace sluice::ws::test {

/// One row: what a peer sends, and the transcript of events that must come of it, on either leg.
struct Case {
  std::string name;
  std::vector<FrameSpec> frames;
  std::string expected;
  Limits limits{};
};

/// The families follow those of the Autobahn test suite, which most WebSocket libraries are held
/// to.
[[nodiscard]] std::vector<Case> framing_cases();
[[nodiscard]] std::vector<Case> control_cases();
[[nodiscard]] std::vector<Case> fragment_cases();
[[nodiscard]] std::vector<Case> utf8_cases();
[[nodiscard]] std::vector<Case> close_cases();
[[nodiscard]] std::vector<Case> size_cases();

// Shorthands of the tables.
inline FrameSpec frame(unsigned opcode, std::string payload, bool fin = true) {
  FrameSpec f;
  f.opcode = opcode;
  f.payload = std::move(payload);
  f.fin = fin;
  return f;
}
inline FrameSpec with_rsv(FrameSpec f, unsigned rsv) {
  f.rsv = rsv;
  return f;
}
inline FrameSpec with_length(FrameSpec f, unsigned bytes, std::uint64_t declared) {
  f.length_bytes = bytes;
  f.declared = declared;
  return f;
}
inline FrameSpec flipped(FrameSpec f) {
  f.flip_mask = true;
  return f;
}
inline std::string status(unsigned code) {
  return {static_cast<char>(code >> 8), static_cast<char>(code)};
}

constexpr unsigned kCont = 0, kText = 1, kBin = 2, kClose = 8, kPing = 9, kPong = 10;

}  // namespace sluice::ws::test
