// SPDX-License-Identifier: Apache-2.0
#include "devnode/chain.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::devnode {
namespace {

constexpr std::uint64_t kFirst = 0xbf58476d1ce4e5b9ULL;
constexpr std::uint64_t kSecond = 0x94d049bb133111ebULL;
constexpr std::uint64_t kFirstInverse = 0x96de1b173f119089ULL;
constexpr std::uint64_t kSecondInverse = 0x319642b2d24d8ec3ULL;
static_assert(kFirst * kFirstInverse == 1 && kSecond * kSecondInverse == 1);

/// The finaliser of splitmix64: a bijection on 64 bits, which is what lets a hash carry a number.
constexpr std::uint64_t mix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30U)) * kFirst;
  z = (z ^ (z >> 27U)) * kSecond;
  return z ^ (z >> 31U);
}

constexpr std::uint64_t unmix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 31U) ^ (z >> 62U)) * kSecondInverse;
  z = (z ^ (z >> 27U) ^ (z >> 54U)) * kFirstInverse;
  return z ^ (z >> 30U) ^ (z >> 60U);
}
static_assert(unmix(mix(0x123456789abcdefULL)) == 0x123456789abcdefULL);

enum Domain : std::uint64_t {
  kBlock = 1,
  kTransaction,
  kToken,
  kAccount,
  kCount,
  kTransfer,
  kFee,
  kText,
};

constexpr unsigned kIndexBits = 12;
constexpr std::uint64_t kIndexMask = (1U << kIndexBits) - 1;

void store(std::uint8_t* to, std::uint64_t word) noexcept {
  for (int shift = 56; shift >= 0; shift -= 8) *to++ = static_cast<std::uint8_t>(word >> shift);
}

std::uint64_t load(const std::uint8_t* from) noexcept {
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = (word << 8U) | from[i];
  return word;
}

Address to_address(const Bytes32& bytes) noexcept {
  Address address{};
  std::copy_n(bytes.begin(), address.size(), address.begin());
  return address;
}

}  // namespace

Chain::Chain(const ChainSpec& spec)
    : spec_(spec), key_(mix(mix(spec.seed + 0x9e3779b97f4a7c15ULL) + spec.chain_id)) {
  spec_.transactions = std::clamp(spec.transactions, 1U, 1024U);
}

std::uint64_t Chain::head_at(double unix_seconds) const noexcept {
  if (spec_.interval <= Duration::zero()) return spec_.first_block;
  const double passed = (unix_seconds - static_cast<double>(kEpoch)) / seconds(spec_.interval);
  if (!(passed > 0)) return spec_.first_block;
  return spec_.first_block + static_cast<std::uint64_t>(passed);
}

double Chain::appears_at(std::uint64_t number) const noexcept {
  const double step = spec_.interval > Duration::zero() ? seconds(spec_.interval) : 1.0;
  const double ahead = static_cast<double>(number) - static_cast<double>(spec_.first_block);
  return std::max(0.0, static_cast<double>(kEpoch) + ahead * step);
}

std::uint64_t Chain::timestamp(std::uint64_t number) const noexcept {
  return static_cast<std::uint64_t>(std::floor(appears_at(number)));
}

std::uint64_t Chain::word(std::uint64_t domain, std::uint64_t a, std::uint64_t b) const noexcept {
  return mix(mix(mix(key_ + domain) + a) + b);
}

std::uint64_t Chain::digest(std::string_view bytes, std::uint64_t b) const noexcept {
  std::uint64_t state = key_ + kText;
  for (const char c : bytes) state = (state ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return mix(mix(state + bytes.size()) + b);
}

Bytes32 Chain::bytes32(std::uint64_t domain, std::uint64_t a, std::uint64_t b) const noexcept {
  Bytes32 out{};
  std::uint64_t word_now = word(domain, a, b);
  for (std::size_t i = 0; i < 4; ++i) {
    store(out.data() + 8 * i, word_now);
    word_now = mix(word_now + 0x9e3779b97f4a7c15ULL);
  }
  return out;
}

Bytes32 Chain::seal(std::uint64_t domain, std::uint64_t value) const noexcept {
  Bytes32 out = bytes32(domain, value, 0);
  store(out.data(), mix(value ^ (key_ + domain)));
  return out;
}

std::optional<std::uint64_t> Chain::unseal(std::uint64_t domain,
                                           const Bytes32& hash) const noexcept {
  const std::uint64_t value = unmix(load(hash.data())) ^ (key_ + domain);
  if (seal(domain, value) != hash) return std::nullopt;
  return value;
}

Bytes32 Chain::block_hash(std::uint64_t number) const noexcept {
  return seal(kBlock, number);
}

std::optional<std::uint64_t> Chain::block_of(const Bytes32& hash) const noexcept {
  return unseal(kBlock, hash);
}

Bytes32 Chain::root(std::string_view kind, std::uint64_t number) const noexcept {
  return bytes32(kText, digest(kind, 0), number);
}

std::uint64_t Chain::base_fee(std::uint64_t number) const noexcept {
  return 1'000'000'000 + word(kFee, number, 0) % 1'000'000'000;
}

std::uint32_t Chain::transaction_count(std::uint64_t number) const noexcept {
  if (number == 0) return 0;
  return 1 + static_cast<std::uint32_t>(word(kCount, number, 0) % (2 * spec_.transactions - 1));
}

Bytes32 Chain::transaction_hash(TransactionPlace place) const noexcept {
  return seal(kTransaction, (place.block << kIndexBits) | place.index);
}

std::optional<TransactionPlace> Chain::place_of(const Bytes32& hash) const noexcept {
  const auto value = unseal(kTransaction, hash);
  if (!value) return std::nullopt;
  const TransactionPlace place{*value >> kIndexBits,
                               static_cast<std::uint32_t>(*value & kIndexMask)};
  if (place.index >= transaction_count(place.block)) return std::nullopt;
  return place;
}

Transaction Chain::transaction(TransactionPlace place) const noexcept {
  const std::uint64_t w = word(kTransfer, place.block, place.index);
  const bool is_transfer = w % 4 != 0;
  const Address recipient = account(w >> 16U);
  return {.hash = transaction_hash(place),
          .place = place,
          .from = account(w >> 8U),
          .to = is_transfer ? token(w >> 24U) : recipient,
          .recipient = recipient,
          .value = 1'000'000 + (w >> 32U),
          .nonce = place.block * 2 + place.index,
          .gas_used = is_transfer ? 46'109 + (w >> 40U) % 5000 : 21'000,
          .tip = 100'000'000 + (w >> 48U) % 1000 * 1'000'000,
          .token = is_transfer};
}

Address Chain::token(std::uint64_t index) const noexcept {
  return to_address(bytes32(kToken, index % kTokens, 0));
}

Address Chain::account(std::uint64_t index) const noexcept {
  return to_address(bytes32(kAccount, index % kAccounts, 0));
}

bool Chain::is_token(const Address& address) const noexcept {
  for (std::uint64_t i = 0; i < kTokens; ++i) {
    if (token(i) == address) return true;
  }
  return false;
}

}  // namespace sluice::devnode
