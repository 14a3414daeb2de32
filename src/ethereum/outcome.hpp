// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::ethereum {

/// What a node's reply means, whatever words and codes its client or provider chose.
enum class Outcome : std::uint8_t {
  kOk,
  /// The call ran and the contract refused, or the EVM halted: a healthy answer.
  kRevert,
  /// Wrong everywhere: malformed, impossible, or of the client's own account.
  kClientFault,
  /// This upstream does not serve the method or its module, nor will it next time.
  kUnsupported,
  /// This upstream serves the method, but not in this form: a block tag, a transaction type, old
  /// blocks on a cheap plan.
  kUnsupportedCall,
  /// State or history that this node pruned, has not indexed, or does not know yet.
  kMissing,
  /// The call names a block above this node's head.
  kBehind,
  /// Over this upstream's own limit on range, results or size.
  kTooLarge,
  kThrottled,
  /// Key, plan or payment refused.
  kAuth,
  kTimeout,
  kNodeFault,
  /// The transaction is in the pool already: the send has succeeded.
  kTxAccepted,
  /// The nonce is taken; whether by this very transaction, only a look-up by hash can tell.
  kTxConflict,
  /// This node's pool policy: another pool may take it.
  kTxPolicy,
  /// No pool will take it.
  kTxInvalid,
  /// Null from a look-up that another node may know.
  kNullLater,
  /// An error that no rule knows. It may be the client's doing, so it is worth one try elsewhere
  /// and no blame.
  kUnknownError,
};
inline constexpr std::size_t kOutcomes = 18;

/// What an outcome calls for. The method's Resend, the deadline and the retry budget still have
/// their say.
struct Action {
  /// For metrics and logs: a closed set.
  std::string_view word;
  bool retry_elsewhere = false;
  /// Against the upstream, in breakers and scores.
  bool counts_as_failure = false;
  /// In favour of the upstream: it did its work. Neither this nor failure: say nothing about its
  /// health.
  bool counts_as_success = false;
  /// Leave the upstream alone for a moment; it is not ill.
  bool throttled = false;
  /// A long cool-down and an alert; the text, which may hold account details, stays inside.
  bool unauthorized = false;
  /// Remember for a while that this upstream does not serve this method.
  bool unsupported = false;
  /// The upstream's lower bound of available blocks may be higher than thought: a reason to probe,
  /// no proof, since a client may ask for what never existed.
  bool missing = false;
  /// The upstream's head may be lower than thought, unless the call's block is above the chain's
  /// head as well.
  bool behind = false;
  /// Before answering a send with this error, look the transaction up by its hash: found means
  /// accepted.
  bool verify_by_hash = false;
};

[[nodiscard]] const Action& action(Outcome outcome) noexcept;

/// Whether an error reply to eth_sendRawTransaction is a success in disguise: answer with
/// transaction_hash().
[[nodiscard]] constexpr bool means_accepted(Outcome outcome) noexcept {
  return outcome == Outcome::kTxAccepted;
}

/// Which of two failed sends tells the client more, when all upstreams refused: the one with the
/// greater rank.
[[nodiscard]] int send_error_rank(Outcome outcome) noexcept;

}  // namespace sluice::ethereum
