// SPDX-License-Identifier: Apache-2.0
// The decisions of the webhook: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace sluice::events {

enum class Verdict : std::uint8_t {
  kDelivered,
  kAgain,    ///< the receiver may take it later
  kRefused,  ///< it will not take it, however often it comes
};

/// What the status of an answer says: 2xx is delivered; 408, 425, 429 and 5xx are worth another
/// try; the rest is not, redirects among it, since whoever can make one could have events sent
/// elsewhere.
[[nodiscard]] Verdict judge(int status) noexcept;

/// The pause before try number `failures` + 1, from half a second doubled each time up to a minute,
/// with up to half of it at random, so that many daemons do not come together. At least what the
/// receiver asked for, of which no more than five minutes are believed.
[[nodiscard]] Duration pause_after(std::uint32_t failures, std::optional<Duration> asked,
                                   Random& random) noexcept;

/// Retry-After (RFC 9110, 10.2.3): seconds, or a date in the form that RFC 9110 prefers. Nothing
/// when it is neither.
[[nodiscard]] std::optional<Duration> retry_after(std::string_view value, double unix_now);

}  // namespace sluice::events
