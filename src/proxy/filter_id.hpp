// SPDX-License-Identifier: Apache-2.0
// Filters live on the node that made them, and nodes count them alike: the id that a client gets
// carries the upstream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ethereum/method.hpp"

namespace sluice::proxy {

/// Whether the method makes a filter, rather than using one.
[[nodiscard]] bool ethereum_creates_filter(const ethereum::Method& method) noexcept;

/// For each upstream of a chain 16 bits that stand for its name in its filters' ids: no two alike,
/// the same after a restart and in any order of the upstreams. Where the hashes of names clash, a
/// tag may change with the set of names.
[[nodiscard]] std::vector<std::uint16_t> filter_tags(std::span<const std::string_view> upstreams);

/// From a node's raw result ("0x…" in quotes) the raw id for the client, in quotes: 0x1, four
/// digits of tag, the node's digits. Nothing when the node's id is no hex text of at most 64
/// digits.
[[nodiscard]] std::optional<std::string> encode_filter_id(std::string_view raw_result,
                                                          std::uint16_t tag);

struct FilterRef {
  std::uint16_t tag = 0;
  /// What the node is asked: ["0x…"] with its own id.
  std::string params;
};
/// From a client's raw params; nothing when they hold no id of ours.
[[nodiscard]] std::optional<FilterRef> decode_filter_params(std::string_view raw_params);

}  // namespace sluice::proxy
