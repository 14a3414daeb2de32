// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

/// Why a message is refused. One row of the table in reject.cpp each.
enum class Reason : std::uint8_t {
  kNone,
  // Request line.
  kTlsOnPlain,
  kBadRequestLine,
  kBadVersion,
  kUnsupportedVersion,
  kBadTarget,
  kTargetTooLong,
  // Fields.
  kBadLineEnding,
  kControlByte,
  kObsFold,
  kBadFieldName,
  kTooManyFields,
  kHeadTooLarge,
  kDuplicateField,
  kMissingHost,
  kBadHost,
  kHostMismatch,
  // Framing.
  kBadContentLength,
  kLengthAndCoding,
  kBadTransferEncoding,
  kUnsupportedTransferEncoding,
  kBadConnection,
  kBadExpectation,
  // What a well-formed request may not ask of us.
  kMethodNotAllowed,
  kBodyNotAllowed,
  kLengthRequired,
  kBodyTooLarge,
  kUnsupportedContentEncoding,
  kUnsupportedContentType,
  kBadUpgrade,
  // Chunked bodies.
  kBadChunk,
  kBadChunkExtension,
  kChunkExtensionTooLarge,
  kChunkFlood,
  kBadTrailer,
  kTrailersTooLarge,
  // Found by the owner of the connection, not by a parser.
  kHeaderTimeout,
  kBodyTimeout,
  kHostRefused,
  kOriginRefused,
  // Only in the reply of an upstream.
  kBadStatusLine,
  kTooManyInterim,
  kUnexpectedUpgrade,
  kUnexpectedBody,
};

/// How a refusal shows: the status and text for the client, and the closed word for metrics and
/// logs. The views are to literals.
struct Reject {
  int status = 0;
  std::string_view reason;
  std::string_view text;
};

/// Progress of a parser. kReject is final: nothing after the offending byte may be read as a
/// message.
enum class Status : std::uint8_t { kNeedMore, kDone, kReject };

/// The row of a reason, as a client sees it. kNone has status 0.
[[nodiscard]] const Reject& reject_of(Reason reason) noexcept;

/// The same reason found in the reply of an upstream: always 502, with a text that gives no detail
/// away.
[[nodiscard]] const Reject& upstream_reject_of(Reason reason) noexcept;

/// All rows but kNone, in order: the closed set of `reason` words.
[[nodiscard]] std::span<const Reject> reject_rows() noexcept;

}  // namespace sluice::http
