// SPDX-License-Identifier: Apache-2.0
#include "ethereum/rlp.hpp"

namespace sluice::ethereum {
namespace {

constexpr std::size_t kShortLimit = 55;
constexpr std::uint8_t kString = 0x80;
constexpr std::uint8_t kList = 0xc0;

/// The payload's length follows in `count` big-endian bytes.
std::optional<RlpHeader> long_form(std::span<const std::uint8_t> bytes, std::size_t count,
                                   bool list) noexcept {
  if (bytes.size() < 1 + count || bytes[1] == 0) return std::nullopt;
  std::uint64_t length = 0;
  for (const auto byte : bytes.subspan(1, count)) length = (length << 8) | byte;
  if (length <= kShortLimit || length > SIZE_MAX / 2) return std::nullopt;
  return RlpHeader{list, 1 + count, static_cast<std::size_t>(length)};
}

}  // namespace

std::optional<RlpHeader> read_rlp_header(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.empty()) return std::nullopt;
  const std::uint8_t first = bytes[0];
  if (first < kString) return RlpHeader{false, 0, 1};
  const bool list = first >= kList;
  const auto length = static_cast<std::size_t>(first - (list ? kList : kString));
  if (length <= kShortLimit) return RlpHeader{list, 1, length};
  return long_form(bytes, length - kShortLimit, list);
}

}  // namespace sluice::ethereum
