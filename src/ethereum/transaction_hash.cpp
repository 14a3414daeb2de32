// SPDX-License-Identifier: Apache-2.0
#include "ethereum/transaction_hash.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ethereum/hex.hpp"
#include "ethereum/rlp.hpp"

namespace sluice::ethereum {
namespace {

constexpr std::uint8_t kAccessList = 1;
constexpr std::uint8_t kDynamicFee = 2;
constexpr std::uint8_t kBlob = 3;
constexpr std::uint8_t kSetCode = 4;
constexpr std::uint8_t kFirstListByte = 0xc0;

std::unexpected<Error> invalid(std::string_view why) {
  return fail(ErrorKind::kInvalid, Origin::kClient, Retry::kNever, std::string(why));
}

/// Feeds the decoded digits to the sponge, a block of the stack at a time; false when they are not
/// hex.
bool absorb_hex(Keccak256& sponge, std::string_view digits) noexcept {
  std::array<std::uint8_t, 2048> block;
  while (!digits.empty()) {
    const auto taken = digits.substr(0, std::min(digits.size(), block.size() * 2));
    if (!decode_hex(taken, block)) return false;
    sponge.update(std::span(block).first(taken.size() / 2));
    digits.remove_prefix(taken.size());
  }
  return true;
}

/// The head of the RLP item that starts at byte `at` of the text.
std::optional<RlpHeader> header_at(std::string_view digits, std::size_t at) noexcept {
  if (at >= digits.size() / 2) return std::nullopt;
  std::array<std::uint8_t, 9> bytes;
  const auto window = digits.substr(2 * at, 2 * bytes.size());
  if (!decode_hex(window, bytes)) return std::nullopt;
  return read_rlp_header(std::span(bytes).first(window.size() / 2));
}

/// Where the item that is hashed behind the type byte lies, in bytes of the text.
struct Extent {
  std::size_t begin;
  std::size_t size;
};

/// The item behind the type byte: for a blob transaction with its sidecar the transaction within
/// the list, else the list.
std::optional<Extent> hashed_item(std::string_view digits, std::size_t begin, bool blob) noexcept {
  const auto outer = header_at(digits, begin);
  if (!outer || !outer->list || outer->payload == 0) return std::nullopt;
  if (outer->payload != digits.size() / 2 - begin - outer->header) return std::nullopt;
  if (!blob) return Extent{begin, outer->total()};
  const auto inner = header_at(digits, begin + outer->header);
  if (!inner || inner->total() > outer->payload) return std::nullopt;
  if (!inner->list) return Extent{begin, outer->total()};
  return Extent{begin + outer->header, inner->total()};
}

}  // namespace

Result<Hash> transaction_hash(std::string_view raw_hex) {
  if (!has_hex_prefix(raw_hex) || raw_hex.size() % 2 != 0 || raw_hex.size() < 4) {
    return invalid("the transaction is not 0x-prefixed hex");
  }
  const auto digits = raw_hex.substr(2);
  std::array<std::uint8_t, 1> first;
  if (!decode_hex(digits.substr(0, 2), first)) return invalid("the transaction is not hex");
  const std::uint8_t type = first[0];
  const bool legacy = type >= kFirstListByte;
  if (!legacy && type != kAccessList && type != kDynamicFee && type != kBlob && type != kSetCode) {
    return invalid("unknown transaction type");
  }
  const auto item = hashed_item(digits, legacy ? 0 : 1, type == kBlob);
  if (!item) return invalid("the transaction is not one RLP list");
  Keccak256 sponge;
  if (!legacy) sponge.update(first);
  if (!absorb_hex(sponge, digits.substr(2 * item->begin, 2 * item->size))) {
    return invalid("the transaction is not hex");
  }
  return sponge.finish();
}

Result<Hash> keccak256_of_hex(std::string_view hex) {
  Keccak256 sponge;
  if (!has_hex_prefix(hex) || !absorb_hex(sponge, hex.substr(2))) {
    return invalid("the value is not 0x-prefixed hex");
  }
  return sponge.finish();
}

}  // namespace sluice::ethereum
