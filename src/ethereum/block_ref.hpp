// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "ethereum/method.hpp"

namespace sluice::ethereum {

/// The block a call is about: what a router needs to pick a node that has it, and a cache to tell
/// how long the answer holds.
struct BlockRef {
  /// In the order of how new a block is asked for, so that the greater of two is the more
  /// demanding.
  enum Kind : std::uint8_t {
    /// The call names no block, or nothing that Sluice can read: the node decides.
    kNone,
    kEarliest,
    kNumber,
    kFinalized,
    kSafe,
    kLatest,
    kPending,
    /// A block hash; `number` says nothing.
    kHash,
  };

  Kind kind = kNone;
  /// The kind of a range's lower end as written; equals `kind` where there is no range.
  Kind from_kind = kNone;
  bool range = false;
  /// EIP-1898's requireCanonical: the node answers an error once the block is reorganised away.
  bool require_canonical = false;
  /// The highest number that the call names, even beside a tag; 0 when it names none. A node below
  /// it cannot answer.
  std::uint64_t number = 0;
  /// A range's lower end, where from_kind is kNumber; else equals `number`, or 0.
  std::uint64_t from = 0;

  friend bool operator==(const BlockRef&, const BlockRef&) = default;
};

/// Finds the block in the raw, already validated `params` token (empty when the member was absent).
/// A missing or null block is kLatest, as nodes take it; a malformed one is kNone. Numbers are hex
/// strings, with any number of leading zeros, or bare decimal integers, which some clients take.
/// Never allocates; time is linear in the bytes up to the block.
[[nodiscard]] BlockRef block_ref(const Method& method, std::string_view params_raw) noexcept;

}  // namespace sluice::ethereum
