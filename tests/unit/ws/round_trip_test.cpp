// SPDX-License-Identifier: Apache-2.0
// Encoder to decoder, in both directions, with random messages, fragments, control frames between
// them and chunks.
#include <array>
#include <cstdio>

#include "base/random.hpp"
#include "feed.hpp"
#include "support/catch.hpp"

using namespace sluice::ws;
using namespace sluice::ws::test;
using sluice::Random;

namespace {

std::string random_payload(Random& random, bool binary_payload) {
  constexpr std::array<std::size_t, 6> kBounds = {1, 20, 130, 1000, 70000, 3};
  const std::size_t size = random.below(kBounds[random.below(kBounds.size())]);
  std::string out;
  while (out.size() < size) {
    if (binary_payload) {
      out += static_cast<char>(random.below(256));
    } else if (random.below(8) != 0) {
      out += static_cast<char>(0x20 + random.below(0x5f));
    } else {
      constexpr std::array<std::string_view, 4> kCharacters = {"\xc3\xa9", "\xe2\x82\xac",
                                                               "\xf0\x9f\x98\x80", "\xed\x9f\xbf"};
      out += kCharacters[random.below(kCharacters.size())];
    }
  }
  return out;
}

/// One end that sends, and what the other must see.
struct Script {
  Random& random;
  Role role;
  std::string bytes;
  std::string expected;

  std::uint32_t key() { return static_cast<std::uint32_t>(random.next()); }

  void fragment(Opcode opcode, std::string_view payload, bool fin) {
    std::array<char, kFrameHeaderMax> header;
    const std::uint32_t k = key();
    bytes.append(header.data(),
                 write_frame_header(header.data(), role, opcode, payload.size(), k, fin));
    const std::size_t begin = bytes.size();
    bytes.append(payload);
    if (role == Role::kClient) apply_mask(bytes.data() + begin, payload.size(), mask_key(k), 0);
  }

  void control() {
    const std::string payload = random_payload(random, true).substr(0, random.below(126));
    const bool is_ping = random.below(2) == 0;
    append_frame(bytes, role, is_ping ? Opcode::kPing : Opcode::kPong, payload, key());
    expected += is_ping ? ping(payload) : pong(payload);
  }

  void message() {
    const bool is_binary = random.below(3) == 0;
    const std::string payload = random_payload(random, is_binary);
    const Opcode opcode = is_binary ? Opcode::kBinary : Opcode::kText;
    if (random.below(2) == 0) {
      append_frame(bytes, role, opcode, payload, key());
    } else {
      std::size_t at = 0;
      for (std::size_t pieces = random.below(6); pieces > 0; --pieces) {
        const std::size_t size = random.below(payload.size() - at + 1);
        fragment(at == 0 && !begun ? opcode : Opcode::kContinuation,
                 std::string_view(payload).substr(at, size), false);
        begun = true;
        at += size;
        while (random.below(4) == 0) control();
      }
      fragment(begun ? Opcode::kContinuation : opcode, std::string_view(payload).substr(at), true);
      begun = false;
    }
    expected += is_binary ? binary(payload) : text(payload);
  }

  bool begun = false;
};

std::string decode_in_random_chunks(Random& random, Role role, std::string_view bytes,
                                    Limits limits) {
  Feeder feeder(role, limits);
  const std::size_t bound = std::size_t{1} << random.below(14);
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + random.below(bound));
    feeder.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return feeder.transcript();
}

}  // namespace

TEST_CASE("what is encoded is decoded, however it is fragmented and cut") {
  const std::uint64_t seed = sluice::random_seed();
  INFO("seed " << seed);
  std::printf("round trip seed: %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  const Limits limits{.pings_per_s_max = 1000000};
  for (int round = 0; round < 150; ++round) {
    for (const Role sender : {Role::kClient, Role::kServer}) {
      Script script{random, sender, {}, {}};
      for (std::uint64_t i = 0; i <= random.below(8); ++i) {
        script.message();
        if (random.below(3) == 0) script.control();
      }
      append_close(script.bytes, sender, close_code::kNormal, "done", script.key());
      script.expected += closed(1000, "done");
      const Role receiver = sender == Role::kClient ? Role::kServer : Role::kClient;
      REQUIRE(decode(receiver, script.bytes, limits) == script.expected);
      REQUIRE(decode_in_random_chunks(random, receiver, script.bytes, limits) == script.expected);
    }
  }
}

TEST_CASE("a wire with one byte changed gives the same events however it is cut") {
  const std::uint64_t seed = sluice::random_seed();
  INFO("seed " << seed);
  std::printf("mutation seed: %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    Script script{random, Role::kClient, {}, {}};
    append_frame(script.bytes, Role::kClient, Opcode::kText, "some text", script.key());
    script.fragment(Opcode::kText, "frag\xc3", false);
    script.control();
    script.fragment(Opcode::kContinuation, "\xa9ment", true);
    append_close(script.bytes, Role::kClient, 1000, "bye", script.key());
    script.bytes[random.below(script.bytes.size())] = static_cast<char>(random.next());
    const std::string whole = decode(Role::kServer, script.bytes);
    REQUIRE(decode_in_steps(Role::kServer, script.bytes, 1) == whole);
    REQUIRE(decode_in_random_chunks(random, Role::kServer, script.bytes, {}) == whole);
  }
}
