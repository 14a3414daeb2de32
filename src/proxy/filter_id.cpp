// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_id.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "ethereum/hex.hpp"

namespace sluice::proxy {

namespace {

constexpr std::size_t kTagDigits = 4;
constexpr std::size_t kDigitsMax = 64;

bool all_hex(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return ethereum::hex_digit(c) >= 0; });
}

/// The content of an array's first element, when that is a string without escapes.
std::optional<std::string_view> first_string(std::string_view raw_params) {
  if (raw_params.empty() || raw_params.front() != '[') return std::nullopt;
  const auto open = raw_params.find_first_not_of(" \t\r\n", 1);
  if (open == std::string_view::npos || raw_params[open] != '"') return std::nullopt;
  const auto close = raw_params.find('"', open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return raw_params.substr(open + 1, close - open - 1);
}

/// FNV-1a, folded.
std::uint16_t name_hash(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<std::uint16_t>((hash >> 16) ^ hash);
}

}  // namespace

bool ethereum_creates_filter(const ethereum::Method& method) noexcept {
  return method.name == "eth_newFilter" || method.name == "eth_newBlockFilter" ||
         method.name == "eth_newPendingTransactionFilter";
}

std::vector<std::uint16_t> filter_tags(std::span<const std::string_view> upstreams) {
  std::vector<std::size_t> order(upstreams.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return upstreams[i]; });
  std::vector<std::uint16_t> tags(upstreams.size());
  std::set<std::uint16_t> taken;
  for (const std::size_t i : order) {
    tags[i] = name_hash(upstreams[i]);
    while (!taken.insert(tags[i]).second) ++tags[i];
  }
  return tags;
}

std::optional<std::string> encode_filter_id(std::string_view raw_result, std::uint16_t tag) {
  if (raw_result.size() < 5 || raw_result.front() != '"' || raw_result.back() != '"')
    return std::nullopt;
  const std::string_view id = raw_result.substr(1, raw_result.size() - 2);
  if (!ethereum::has_hex_prefix(id) || id.size() - 2 > kDigitsMax || !all_hex(id.substr(2)))
    return std::nullopt;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"0x1";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += kDigits[(static_cast<unsigned>(tag) >> shift) & 0xfU];
  out.append(id.substr(2)).append("\"");
  return out;
}

std::optional<FilterRef> decode_filter_params(std::string_view raw_params) {
  const auto id = first_string(raw_params);
  if (!id || !ethereum::has_hex_prefix(*id)) return std::nullopt;
  const std::string_view digits = id->substr(2);
  if (digits.size() < 2 + kTagDigits || digits.size() > 1 + kTagDigits + kDigitsMax ||
      digits[0] != '1' || !all_hex(digits)) {
    return std::nullopt;
  }
  FilterRef ref;
  for (std::size_t i = 1; i <= kTagDigits; ++i) {
    ref.tag = static_cast<std::uint16_t>(ref.tag << 4 | ethereum::hex_digit(digits[i]));
  }
  ref.params = "[\"0x" + std::string(digits.substr(1 + kTagDigits)) + "\"]";
  return ref;
}

}  // namespace sluice::proxy
