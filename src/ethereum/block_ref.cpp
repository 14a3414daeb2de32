// SPDX-License-Identifier: Apache-2.0
#include "ethereum/block_ref.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "ethereum/hex.hpp"
#include "ethereum/token_scan.hpp"

namespace sluice::ethereum {
namespace {

/// `0x` and 32 bytes. A quantity this long would not fit 64 bits, so the length alone decides.
constexpr std::size_t kHashChars = 66;

constexpr BlockRef point(BlockRef::Kind kind, std::uint64_t number = 0) noexcept {
  return {kind, kind, false, false, number, number};
}

BlockRef tag(std::string_view text) noexcept {
  if (text == "latest") return point(BlockRef::kLatest);
  if (text == "pending") return point(BlockRef::kPending);
  if (text == "finalized") return point(BlockRef::kFinalized);
  if (text == "safe") return point(BlockRef::kSafe);
  if (text == "earliest") return point(BlockRef::kEarliest);
  return {};
}

BlockRef quoted(std::string_view text) noexcept {
  if (!has_hex_prefix(text)) return tag(text);
  if (text.size() == kHashChars) return point(BlockRef::kHash);
  const auto number = parse_quantity(text);
  return number ? point(BlockRef::kNumber, *number) : BlockRef{};
}

BlockRef bare_number(std::string_view token) noexcept {
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error != std::errc{} || rest != token.data() + token.size()) return {};
  return point(BlockRef::kNumber, number);
}

bool absent(std::string_view token) noexcept {
  return token.empty() || token == "null";
}

/// A number, tag or hash; an absent one is the latest block.
BlockRef scalar(std::string_view token) noexcept {
  if (absent(token)) return point(BlockRef::kLatest);
  return token.front() == '"' ? quoted(scan::unquoted(token)) : bare_number(token);
}

BlockRef hash_only(std::string_view token) noexcept {
  return scan::unquoted(token).size() == kHashChars ? point(BlockRef::kHash) : BlockRef{};
}

/// EIP-1898: {"blockNumber": …} or {"blockHash": …, "requireCanonical": bool}; both at once are an
/// error at the node.
BlockRef block_object(std::string_view token) noexcept {
  std::string_view number;
  std::string_view hash;
  bool require_canonical = false;
  const bool read = scan::for_each_member(token, [&](std::string_view key, std::string_view value) {
    if (key == "blockNumber") number = value;
    if (key == "blockHash") hash = value;
    if (key == "requireCanonical") require_canonical = value == "true";
  });
  if (!read) return {};
  if (absent(hash)) return scalar(number);
  if (!absent(number)) return {};
  auto ref = hash_only(hash);
  ref.require_canonical = require_canonical && ref.kind == BlockRef::kHash;
  return ref;
}

BlockRef join(const BlockRef& from, const BlockRef& to) noexcept {
  const auto readable = [](const BlockRef& end) {
    return end.kind != BlockRef::kNone && end.kind != BlockRef::kHash;
  };
  if (!readable(from) || !readable(to)) return {};
  return {std::max(from.kind, to.kind),     from.kind,  true, false,
          std::max(from.number, to.number), from.number};
}

/// The object of eth_getLogs; a filter without any bound means the latest block alone.
BlockRef block_range(std::string_view token) noexcept {
  if (absent(token)) return point(BlockRef::kLatest);
  std::string_view from;
  std::string_view to;
  std::string_view hash;
  const bool read = scan::for_each_member(token, [&](std::string_view key, std::string_view value) {
    if (key == "fromBlock") from = value;
    if (key == "toBlock") to = value;
    if (key == "blockHash") hash = value;
  });
  if (!read) return {};
  if (absent(hash)) return join(scalar(from), scalar(to));
  return absent(from) && absent(to) ? hash_only(hash) : BlockRef{};
}

BlockRef state_field(std::string_view token) noexcept {
  std::string_view state;
  const bool read = scan::for_each_member(token, [&](std::string_view key, std::string_view value) {
    if (key == "stateBlockNumber") state = value;
  });
  return read ? scalar(state) : BlockRef{};
}

}  // namespace

BlockRef block_ref(const Method& method, std::string_view params_raw) noexcept {
  if (method.block.at == BlockAt::kNone) return {};
  // Params by name are no part of Ethereum's API: whatever they hold is for the node to judge.
  const auto first = params_raw.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && params_raw[first] == '{') return {};
  const auto token = scan::element(params_raw, method.block.index);
  switch (method.block.at) {
    case BlockAt::kParam:
      return !token.empty() && token.front() == '{' ? block_object(token) : scalar(token);
    case BlockAt::kHash:
      return hash_only(token);
    case BlockAt::kRange:
      return block_range(token);
    case BlockAt::kStateField:
      return state_field(token);
    case BlockAt::kNone:
      break;
  }
  return {};
}

}  // namespace sluice::ethereum
