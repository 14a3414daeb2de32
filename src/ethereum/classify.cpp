// SPDX-License-Identifier: Apache-2.0
#include "ethereum/classify.hpp"

#include <array>
#include <cstddef>
#include <optional>

#include "ethereum/message_patterns.hpp"

namespace sluice::ethereum {
namespace {

using enum Outcome;

bool is_success(int status) noexcept {
  return status == 0 || (status >= 200 && status < 300);
}

Outcome of_result(const Method& method, std::string_view result) noexcept {
  if (result.empty()) return kNodeFault;
  if (method.null_meaning == NullMeaning::kFinal) return kOk;
  if (result == "null") return kNullLater;
  return method.null_meaning == NullMeaning::kLaterIfEmpty && result == "[]" ? kNullLater : kOk;
}

/// Statuses that no text within the reply outweighs.
std::optional<Outcome> of_strong_status(int status) noexcept {
  switch (status) {
    case 429:
      return kThrottled;
    case 401:
    case 402:
    case 403:
      return kAuth;
    case 413:
      return kTooLarge;
    default:
      return std::nullopt;
  }
}

/// Statuses that stand only where text and code say nothing.
std::optional<Outcome> of_weak_status(int status) noexcept {
  if (status == 408) return kTimeout;
  if (status == 405 || status == 415) return kUnsupported;
  if (!is_success(status)) return kNodeFault;
  return std::nullopt;
}

/// Whether the result of a send is the hash of the very bytes that were sent, so that "already
/// known" can become one.
bool answers_with_hash(const Method& method) noexcept {
  return method.name == "eth_sendRawTransaction" || method.resend == Resend::kRetry;
}

/// Codes of sends: those of the execution-apis error catalogue (execution 1 … 199, gas 800 … 999,
/// pool 1000 … 1199), and those that one client or provider gives a meaning of its own.
std::optional<Outcome> of_send_code(const Method& method, std::int64_t code) noexcept {
  switch (code) {
    case 1000:
      return answers_with_hash(method) ? kTxAccepted : kTxConflict;
    case 1:
      return kTxConflict;
    case 2:       // nonce too high
    case 802:     // gas price below this node's minimum
    case 803:     // above this node's block gas limit
    case -32005:  // besu: over the node's gas limit
    case -32006:  // besu: nonce too high
    case -32009:  // besu: gas price too low
    case -32010:  // quicknode: over the node's gas limit
      return kTxPolicy;
    case -32001:  // besu: nonce too low
      return kTxConflict;
    case 1001:
    case -32002:  // besu: invalid signature
    case -32003:  // reth: rejected; besu: intrinsic gas
    case -32004:  // besu: upfront cost over the balance
      return kTxInvalid;
    default:
      if (code >= 800 && code <= 809) return kTxInvalid;
      return std::nullopt;
  }
}

/// What a code stands for where the text told nothing: the reading that most servers share, or the
/// one that does least harm where they differ.
std::optional<Outcome> of_code(const Method& method, std::int64_t code) noexcept {
  switch (code) {
    case -32700:
    case -32600:
    case -32602:
    case 4445:  // before the fork that made the data: no node has it
      return kClientFault;
    case -32604:
    case -32004:
    case -32612:
    case -32613:
      return kUnsupported;
    case -32001:
    case -32002:
    case -32014:
    case -32701:
    case -39001:
      return kMissing;
    case 35:
    case -32008:
    case -32010:
    case -32011:
    case -32012:
    case -32614:
    case -38026:
      return kTooLarge;
    case -32003:
      return kClientFault;
    case -32006:  // jsonrpsee: too many subscriptions on this node
      return kUnsupported;
    case -32005:
    case -32007:
    case -32009:
      return kThrottled;
    case 30:
    case -32016:
    case -32017:
      return kTimeout;
    case -32015:  // the EVM's error in three clients, a gateway's timeout in two proxies
      return method.klass == MethodClass::kCall ? kRevert : kTimeout;
    case -32603:
      return kNodeFault;
    default:
      if (code <= -38010 && code >= -38025) return kClientFault;  // eth_simulateV1's own checks
      return std::nullopt;
  }
}

/// The outcome that a phrase stands for, once it has been found to count.
std::optional<Outcome> of_phrase(Phrase phrase) noexcept {
  // In the order of Phrase.
  constexpr std::array<Outcome, static_cast<std::size_t>(Phrase::kNone)> kMeanings = {
      kRevert,     kClientFault, kUnsupported, kClientFault, kUnsupportedCall,
      kTxAccepted, kTxConflict,  kClientFault, kTxPolicy,    kTxInvalid,
      kTooLarge,   kAuth,        kThrottled,   kUnsupported, kUnsupportedCall,
      kBehind,     kMissing,     kTimeout,     kNodeFault};
  if (phrase == Phrase::kNone) return std::nullopt;
  return kMeanings[static_cast<std::size_t>(phrase)];
}

std::optional<Outcome> of_pool(const Phrases& phrases) noexcept {
  return of_phrase(phrases.first(Phrase::kAccepted, Phrase::kInvalid));
}

std::optional<Outcome> in_send(const Method& method, const ReplyFacts& facts,
                               const Phrases& phrases) noexcept {
  // EIP-7966: taken, and not mined within the wait. The receipt can only be had by asking for it.
  if (facts.code == 4 && !answers_with_hash(method)) return kTxConflict;
  const auto outcome = of_pool(phrases);
  if (outcome == kTxAccepted && !answers_with_hash(method)) return kTxConflict;
  return outcome;
}

/// A pool's words outside a send: the caller's own transaction object is at fault, except that a
/// tracer replaying on a state it lacks finds the accounts empty.
std::optional<Outcome> outside_send(const Method& method, const Phrases& phrases) noexcept {
  const auto outcome = of_pool(phrases);
  if (!outcome || outcome == kTxAccepted) return std::nullopt;
  if (outcome == kTxInvalid && method.klass == MethodClass::kTrace) return kMissing;
  return kClientFault;
}

std::optional<Outcome> of_general(const Phrases& phrases, std::int64_t code) noexcept {
  const bool blames_request = code == -32600 || code == -32602 || code == -32700;
  return of_phrase(blames_request
                       ? phrases.first_beside_request(Phrase::kTooLarge, Phrase::kNodeFault)
                       : phrases.first(Phrase::kTooLarge, Phrase::kNodeFault));
}

bool is_revert(const ReplyFacts& facts, const Phrases& phrases) noexcept {
  if (phrases.has(Phrase::kHalt)) return true;
  // Alchemy numbers a block that it has not seen yet like a revert.
  if (facts.code == 3) {
    return !facts.message.starts_with("Unknown block") &&
           !facts.message.starts_with("unknown block");
  }
  // Parity's heirs put the word into the data, beside a message that means anything.
  return !facts.data.empty() && Phrases(facts.data.substr(0, 32)).has(Phrase::kHalt);
}

/// The answers that a stranger could dress up as something else, and those that cannot be mistaken.
std::optional<Outcome> beyond_doubt(const Method& method, const ReplyFacts& facts,
                                    const Phrases& phrases) noexcept {
  if (is_revert(facts, phrases)) return kRevert;
  if (method.klass == MethodClass::kTrace && phrases.has(Phrase::kTracer)) return kClientFault;
  if (facts.code == 4444) return kMissing;
  if (facts.code == -32601 || phrases.has(Phrase::kMethod)) {
    // A node without the asked kind of subscription says the same as one without the method.
    return method.klass == MethodClass::kSubscription ? kUnsupportedCall : kUnsupported;
  }
  if (const auto said = of_phrase(phrases.first(Phrase::kArgument, Phrase::kPlan))) return said;
  return of_strong_status(facts.http_status);
}

Outcome of_error(const Method& method, const ReplyFacts& facts) noexcept {
  const Phrases phrases(facts.message);
  if (const auto outcome = beyond_doubt(method, facts, phrases)) return *outcome;
  const bool send = method.kind == Kind::kWrite;
  if (send) {
    if (const auto outcome = in_send(method, facts, phrases)) return *outcome;
  }
  if (const auto outcome = of_general(phrases, facts.code)) return *outcome;
  if (!send) {
    if (const auto outcome = outside_send(method, phrases)) return *outcome;
  }
  // Nethermind is out of workers.
  if (facts.http_status == 503 && facts.code == -32005) return kThrottled;
  if (send) {
    if (const auto outcome = of_send_code(method, facts.code)) return *outcome;
  }
  if (const auto outcome = of_code(method, facts.code)) return *outcome;
  return of_weak_status(facts.http_status).value_or(kUnknownError);
}

}  // namespace

Outcome classify(const Method& method, const ReplyFacts& facts) noexcept {
  if (facts.is_error) return of_error(method, facts);
  if (is_success(facts.http_status)) [[likely]]
    return of_result(method, facts.result);
  if (const auto outcome = of_strong_status(facts.http_status)) return *outcome;
  return of_weak_status(facts.http_status).value_or(kNodeFault);
}

}  // namespace sluice::ethereum
