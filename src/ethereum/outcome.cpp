// SPDX-License-Identifier: Apache-2.0
#include "ethereum/outcome.hpp"

#include <array>

namespace sluice::ethereum {
namespace {

// In the order of Outcome.
constexpr std::array<Action, kOutcomes> kActions = {{
    {.word = "ok", .counts_as_success = true},
    {.word = "revert", .counts_as_success = true},
    {.word = "client_fault"},
    {.word = "unsupported", .retry_elsewhere = true, .unsupported = true},
    {.word = "unsupported_call", .retry_elsewhere = true},
    {.word = "missing", .retry_elsewhere = true, .missing = true},
    {.word = "behind", .retry_elsewhere = true, .behind = true},
    {.word = "too_large", .retry_elsewhere = true},
    {.word = "throttled", .retry_elsewhere = true, .throttled = true},
    {.word = "auth", .retry_elsewhere = true, .unauthorized = true},
    {.word = "timeout", .retry_elsewhere = true, .counts_as_failure = true},
    {.word = "node_fault", .retry_elsewhere = true, .counts_as_failure = true},
    {.word = "tx_accepted", .counts_as_success = true},
    {.word = "tx_conflict", .counts_as_success = true, .verify_by_hash = true},
    {.word = "tx_policy", .retry_elsewhere = true},
    {.word = "tx_invalid", .counts_as_success = true},
    {.word = "null_later", .retry_elsewhere = true, .counts_as_success = true},
    {.word = "unknown_error", .retry_elsewhere = true},
}};
static_assert(static_cast<std::size_t>(Outcome::kUnknownError) + 1 == kOutcomes);

}  // namespace

const Action& action(Outcome outcome) noexcept {
  return kActions[static_cast<std::size_t>(outcome)];
}

int send_error_rank(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kTxInvalid:
    case Outcome::kClientFault:
      return 5;
    case Outcome::kTxConflict:
      return 4;
    case Outcome::kTxPolicy:
      return 3;
    case Outcome::kThrottled:
      return 2;
    case Outcome::kNodeFault:
    case Outcome::kTimeout:
      return 0;
    default:
      return 1;
  }
}

}  // namespace sluice::ethereum
