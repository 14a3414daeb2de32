// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

/// The fields that mean something to us; every other one is kOther.
enum class FieldId : std::uint8_t {
  kOther,
  kHost,
  kContentLength,
  kTransferEncoding,
  kConnection,
  kUpgrade,
  kExpect,
  kContentType,
  kContentEncoding,
  kAuthorization,
  kApiKey,
  kOrigin,
  kRequestId,
  kForwardedFor,
  kPriority,
  kTimeout,
  kAffinity,
  kUseUpstream,
  kDebug,
  kWsKey,
  kWsVersion,
  kWsProtocol,
  kAccessControlRequestMethod,
  kTraceparent,
  kRetryAfter,
  kLocation,
  kKeepAlive,
};

/// What a second line of the same name in one request means.
enum class Repeat : std::uint8_t {
  /// Two readers could pick different ones: refuse.
  kReject,
  /// The first is ours, the others are ignored.
  kFirst,
  /// A list that grows to the right: the last line holds the newest items.
  kLast,
};

/// Looks a name without control bytes up, without regard to case; one hash, one compare.
[[nodiscard]] FieldId find_field_id(std::string_view name) noexcept;

[[nodiscard]] Repeat repeat_rule(FieldId id) noexcept;

}  // namespace sluice::http
