// SPDX-License-Identifier: Apache-2.0
// The closed sets of words by which the data path's results are counted and logged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ethereum/outcome.hpp"
#include "upstream/attempt.hpp"

namespace sluice::proxy {

/// How a call ended, as its client saw it.
enum class CallOutcome : std::uint8_t {
  kOk,
  kLocal,
  kRevert,
  kUpstreamError,
  kInvalid,
  kDenied,
  kRateLimited,
  kShed,
  kUnavailable,
  kBadReply,
  kTimeout,
  kUnknownWrite,
  kCancelled,
  kCount,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(CallOutcome::kCount)>
    kCallOutcomeWords = {"ok",      "local",         "revert",   "upstream_error", "invalid",
                         "denied",  "rate_limited",  "shed",     "unavailable",    "bad_reply",
                         "timeout", "unknown_write", "cancelled"};

[[nodiscard]] constexpr std::string_view word(CallOutcome outcome) noexcept {
  return kCallOutcomeWords[static_cast<std::size_t>(outcome)];
}

/// Attempts: first the meanings of replies, then the failures of transport, then "cancelled".
inline constexpr std::size_t kFailureKinds = 8;
inline constexpr std::size_t kAttemptOutcomes = ethereum::kOutcomes + kFailureKinds + 1;
[[nodiscard]] constexpr std::size_t attempt_outcome(ethereum::Outcome outcome) noexcept {
  return static_cast<std::size_t>(outcome);
}
[[nodiscard]] constexpr std::size_t attempt_outcome(upstream::Failure::Kind kind) noexcept {
  return ethereum::kOutcomes + static_cast<std::size_t>(kind);
}
inline constexpr std::size_t kAttemptCancelled = kAttemptOutcomes - 1;

enum class QueueReject : std::uint8_t {
  kFull,
  kTimeout,
  kShed,       ///< at the door: more comes in than is served
  kStale,      ///< had waited longest in a queue that stands
  kDisplaced,  ///< by a more important one, when the queue was full
  kCount
};
inline constexpr std::array<std::string_view, 5> kQueueRejectWords = {"full", "timeout", "shed",
                                                                      "stale", "displaced"};

enum class RetryReason : std::uint8_t {
  kNotSent,
  kStale,
  kFailed,
  kJudged,
  kUpstreamLost,
  kUnbatched,
  kCount
};
inline constexpr std::array<std::string_view, 6> kRetryReasonWords = {
    "not_sent", "stale_connection", "failed", "reply", "upstream_lost", "unbatched"};

/// In the order of policy::AffinityOutcome.
inline constexpr std::array<std::string_view, 4> kAffinityWords = {"none", "kept", "moved",
                                                                   "spilled"};

/// How a second attempt beside a first one ended.
enum class HedgeOutcome : std::uint8_t {
  kWon,     ///< its reply was taken, and the first attempt given up
  kLost,    ///< the first attempt was answered before it
  kFailed,  ///< it failed, and the first attempt was waited for
  kCount
};
inline constexpr std::array<std::string_view, 3> kHedgeOutcomeWords = {"won", "lost", "failed"};

/// How a batch of calls that was sent to an upstream ended.
enum class BatchOutcome : std::uint8_t { kOk, kRefused, kFailed, kCount };
inline constexpr std::array<std::string_view, 3> kBatchOutcomeWords = {"ok", "refused", "failed"};

/// Why Sluice itself refused a request, beyond HTTP's own reasons (http::reject_rows()).
inline constexpr std::array<std::string_view, 25> kRejectWords = {
    "unknown_path",
    "unauthorized",
    "rate_limited",
    "bad_priority",
    "bad_timeout",
    "bad_upstream",
    "bad_debug",
    "batch_too_large",
    "parse_error",
    "invalid",
    "slow_reader",
    "tls_handshake",
    "header_timeout",
    "handshake_timeout",
    "bad_proxy_header",
    "ws_version",
    "ws_key",
    "ws_http_version",
    "websocket_protocol",
    "websocket_silent",
    "connections",
    "connections_per_ip",
    "draining",
    "memory",
    "other",
};

}  // namespace sluice::proxy
