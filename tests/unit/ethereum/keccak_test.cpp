// SPDX-License-Identifier: Apache-2.0
// Vectors computed with ethers 6, except the two that every Keccak page gives.
#include "ethereum/keccak.hpp"

#include <string>
#include <vector>

#include "ethereum/hex.hpp"
#include "support/catch.hpp"

using namespace sluice::ethereum;

namespace {

std::string hex(const Hash& hash) {
  std::string out;
  append_hex(out, hash);
  return out;
}

std::vector<std::uint8_t> counting(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

struct Vector {
  std::size_t size;
  std::string_view digest;
};

// Around the sponge's rate of 136 bytes, where padding starts a block of its own.
constexpr Vector kVectors[] = {
    {135, "0xcbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"},
    {136, "0x7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"},
    {137, "0xac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"},
    {271, "0x7c974895b2a88303ff2dc6b58f438ceb0b298cac91099ac0539cc0f477506191"},
    {272, "0xfdf2ec49e749960d3c8521a0219af8d03e30e2b3bf19bd16150ee0eaf133d66e"},
    {273, "0x4f707289a9c3ccd0c4a51f2f17339f5dd171d371c04ff7783b735b5b22682eaf"},
    {1000, "0xaca79e4146e30eb1c733f6d6060d72471c36ea4e01ebf45d7f4916249c2bbd82"},
};

}  // namespace

TEST_CASE("Keccak-256 has the padding of Ethereum, not of SHA-3") {
  CHECK(hex(keccak256({})) == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  const std::vector<std::uint8_t> abc = {'a', 'b', 'c'};
  CHECK(hex(keccak256(abc)) ==
        "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

TEST_CASE("Keccak-256 at the edges of its blocks") {
  for (const auto& vector : kVectors) {
    CAPTURE(vector.size);
    CHECK(hex(keccak256(counting(vector.size))) == vector.digest);
  }
}

TEST_CASE("the digest does not depend on how the bytes were cut") {
  for (const auto& vector : kVectors) {
    const auto bytes = counting(vector.size);
    for (const std::size_t piece : {1U, 7U, 135U, 136U, 200U}) {
      CAPTURE(vector.size, piece);
      Keccak256 sponge;
      std::span<const std::uint8_t> rest(bytes);
      while (!rest.empty()) {
        const auto taken = std::min(piece, rest.size());
        sponge.update(rest.first(taken));
        rest = rest.subspan(taken);
      }
      CHECK(hex(sponge.finish()) == vector.digest);
    }
  }
}
