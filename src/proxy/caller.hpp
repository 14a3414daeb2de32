// SPDX-License-Identifier: Apache-2.0
// From a request's head to who asks for what: path, key, and the wishes that headers or the query
// may carry.
#pragma once

#include <expected>
#include <string_view>

#include "frontend/handler.hpp"
#include "proxy/exchange.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

/// Resolves the caller, or says why not: 404 for a path that is not served, 401 for a key that is
/// missing or wrong (unknown and wrong keys are told alike), 400 for a wish that cannot be read.
[[nodiscard]] std::expected<Caller, frontend::Refusal> find_caller(
    const Snapshot& snapshot, const frontend::Request& request);

/// Whether a chain answers at this path, be it with a key at its end.
[[nodiscard]] bool serves_path(const Snapshot& snapshot, std::string_view path);

/// "250ms", "2s", "1m" in full; nothing for anything else.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text) noexcept;

}  // namespace sluice::proxy
