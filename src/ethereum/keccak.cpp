// SPDX-License-Identifier: Apache-2.0
#include "ethereum/keccak.hpp"

#include <bit>

namespace sluice::ethereum {
namespace {

/// 1600 bits of state less twice the 256 bits of security.
constexpr std::size_t kRateBytes = 136;
constexpr std::size_t kRounds = 24;

/// Round constants from the degree-8 linear feedback shift register of the Keccak reference,
/// section 1.2.
constexpr auto kRoundConstants = [] {
  std::array<std::uint64_t, kRounds> constants{};
  std::uint8_t lfsr = 1;
  for (auto& constant : constants) {
    for (unsigned j = 0; j < 7; ++j) {
      if ((lfsr & 1U) != 0) constant |= std::uint64_t{1} << ((1U << j) - 1);
      const bool carry = (lfsr & 0x80U) != 0;
      lfsr = static_cast<std::uint8_t>((lfsr << 1) ^ (carry ? 0x71 : 0));
    }
  }
  return constants;
}();

/// The walk of the pi step over the lanes, with the rho rotation of each stop.
struct Walk {
  std::array<std::uint8_t, 24> lane;
  std::array<std::uint8_t, 24> rotation;
};

constexpr Walk kWalk = [] {
  Walk walk{};
  unsigned x = 1;
  unsigned y = 0;
  for (unsigned t = 0; t < 24; ++t) {
    const unsigned next_y = (2 * x + 3 * y) % 5;
    x = y;
    y = next_y;
    walk.lane[t] = static_cast<std::uint8_t>(x + 5 * y);
    walk.rotation[t] = static_cast<std::uint8_t>((t + 1) * (t + 2) / 2 % 64);
  }
  return walk;
}();

using State = std::array<std::uint64_t, 25>;

void theta(State& a) noexcept {
  std::array<std::uint64_t, 5> column;
  for (std::size_t x = 0; x < 5; ++x) {
    column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
  }
  for (std::size_t x = 0; x < 5; ++x) {
    const std::uint64_t mixed = column[(x + 4) % 5] ^ std::rotl(column[(x + 1) % 5], 1);
    for (std::size_t y = 0; y < 25; y += 5) a[x + y] ^= mixed;
  }
}

void rho_pi(State& a) noexcept {
  std::uint64_t carried = a[1];
  for (std::size_t t = 0; t < 24; ++t) {
    const std::size_t lane = kWalk.lane[t];
    const std::uint64_t replaced = a[lane];
    a[lane] = std::rotl(carried, kWalk.rotation[t]);
    carried = replaced;
  }
}

void chi(State& a) noexcept {
  for (std::size_t y = 0; y < 25; y += 5) {
    const std::uint64_t first = a[y];
    const std::uint64_t second = a[y + 1];
    a[y] ^= ~a[y + 1] & a[y + 2];
    a[y + 1] ^= ~a[y + 2] & a[y + 3];
    a[y + 2] ^= ~a[y + 3] & a[y + 4];
    a[y + 3] ^= ~a[y + 4] & first;
    a[y + 4] ^= ~first & second;
  }
}

void permute(State& a) noexcept {
  for (const std::uint64_t constant : kRoundConstants) {
    theta(a);
    rho_pi(a);
    chi(a);
    a[0] ^= constant;
  }
}

std::uint64_t load_lane(const std::uint8_t* bytes) noexcept {
  std::uint64_t lane = 0;
  for (unsigned i = 0; i < 8; ++i) lane |= std::uint64_t{bytes[i]} << (8 * i);
  return lane;
}

}  // namespace

void Keccak256::absorb_byte(std::uint8_t byte) noexcept {
  state_[position_ / 8] ^= std::uint64_t{byte} << (8 * (position_ % 8));
  if (++position_ == kRateBytes) {
    permute(state_);
    position_ = 0;
  }
}

void Keccak256::update(std::span<const std::uint8_t> bytes) noexcept {
  while (!bytes.empty() && position_ != 0) {
    absorb_byte(bytes.front());
    bytes = bytes.subspan(1);
  }
  while (bytes.size() >= kRateBytes) {
    for (std::size_t i = 0; i < kRateBytes / 8; ++i) state_[i] ^= load_lane(bytes.data() + 8 * i);
    permute(state_);
    bytes = bytes.subspan(kRateBytes);
  }
  for (const auto byte : bytes) absorb_byte(byte);
}

Hash Keccak256::finish() noexcept {
  state_[position_ / 8] ^= std::uint64_t{0x01} << (8 * (position_ % 8));
  state_[kRateBytes / 8 - 1] ^= std::uint64_t{0x80} << 56;
  permute(state_);
  Hash digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(state_[i / 8] >> (8 * (i % 8)));
  }
  return digest;
}

Hash keccak256(std::span<const std::uint8_t> bytes) noexcept {
  Keccak256 sponge;
  sponge.update(bytes);
  return sponge.finish();
}

}  // namespace sluice::ethereum
