// SPDX-License-Identifier: Apache-2.0
// THE table of error texts: what clients and providers write when they mean an outcome. Their codes
// overlap too much to decide alone, so texts come first and codes fill the gaps.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::ethereum {

/// What a phrase says. Where several fit one message, the first of those that count decides.
enum class Phrase : std::uint8_t {
  /// The EVM ran and stopped. Goes before all others: what follows "execution reverted" is written
  /// by the contract, and
  /// whatever it says must not put blame on a node.
  kHalt,
  /// A tracer written in JavaScript is the caller's program, and so is the text that it throws.
  kTracer,
  /// The method, not the block or the state, is what the node lacks; the text quotes the method's
  /// name.
  kMethod,
  /// The request is at fault, said in a form that may quote parts of it.
  kArgument,
  /// The key is good, but its plan leaves this method or these blocks out: no reason to avoid the
  /// upstream for others.
  kPlan,
  // What a transaction pool says. Accepted first: some say "already known" and a reason in one
  // message.
  kAccepted,
  kConflict,
  kSenderLimit,
  kPolicy,
  kInvalid,
  // All else. Ranges first, since providers word them as limits; then money, then rates.
  kTooLarge,
  kAuth,
  kThrottle,
  kUnsupported,
  kUnsupportedCall,
  kBehind,
  kMissing,
  kTimeout,
  kNodeFault,
  /// No phrase fits.
  kNone,
};

/// The phrases within one message.
class Phrases {
 public:
  /// One pass over the message, without regard to case; its length matters only up to 512 bytes,
  /// where all texts have told what they are. Stops at a halt, which decides alone.
  explicit Phrases(std::string_view message) noexcept;

  [[nodiscard]] bool has(Phrase phrase) const noexcept { return (found_ & bit(phrase)) != 0; }

  /// The first of the phrases from `from` to `to`, both included, or kNone.
  [[nodiscard]] Phrase first(Phrase from, Phrase to) const noexcept {
    return lowest(found_, from, to);
  }

  /// The same for a message whose code says that the request is malformed, and which may therefore
  /// quote it: only those patterns count that have no lasting effect on the upstream, or that are
  /// known to come with such codes.
  [[nodiscard]] Phrase first_beside_request(Phrase from, Phrase to) const noexcept {
    return lowest(beside_request_, from, to);
  }

 private:
  static constexpr std::uint32_t bit(Phrase phrase) noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(phrase);
  }
  static Phrase lowest(std::uint32_t set, Phrase from, Phrase to) noexcept;

  std::uint32_t found_ = 0;
  std::uint32_t beside_request_ = 0;
};

}  // namespace sluice::ethereum
