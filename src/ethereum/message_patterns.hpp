// SPDX-License-Identifier: Apache-2.0
// THE table of error texts: what clients and providers write when they mean an outcome. Their codes
// overlap too much to decide alone, so texts come first and codes fill the gaps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ethereum/outcome.hpp"

namespace sluice::ethereum {

/// A message in lower case, on the stack. Texts are told apart by their beginnings, so only those
/// are kept: an error of megabytes costs no more than one of 512 bytes.
class LoweredText {
 public:
  explicit LoweredText(std::string_view text) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }

 private:
  std::array<char, 512> chars_;
  std::size_t size_;
};

/// All below take lower-case text.

/// The EVM ran and stopped. Must be asked before all others: what follows "execution reverted" is
/// written by the contract, and whatever it says must not put blame on a node.
[[nodiscard]] bool matches_halt(std::string_view lowered) noexcept;

/// A tracer written in JavaScript is the caller's program, and so is the text that it throws.
[[nodiscard]] bool matches_tracer_failure(std::string_view lowered) noexcept;

/// The method, not the block or the state, is what the node lacks; the text quotes the method's
/// name.
[[nodiscard]] bool rejects_method(std::string_view lowered) noexcept;

/// The request is at fault, said in a form that may quote parts of it.
[[nodiscard]] bool rejects_argument(std::string_view lowered) noexcept;

/// The key is good, but its plan leaves this method or these blocks out: no reason to avoid the
/// upstream for others.
[[nodiscard]] bool beyond_plan(std::string_view lowered) noexcept;

/// What a transaction pool says about a transaction; nullopt when nothing fits.
[[nodiscard]] std::optional<Outcome> match_transaction(std::string_view lowered) noexcept;

/// All else; the first fit counts. With `blames_request` (the code says that the request is
/// malformed, and such texts may quote it) only those patterns count that put no blame on the
/// upstream, or are known to come with such codes.
[[nodiscard]] std::optional<Outcome> match_general(std::string_view lowered,
                                                   bool blames_request) noexcept;

}  // namespace sluice::ethereum
