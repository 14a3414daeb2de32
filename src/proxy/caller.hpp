// SPDX-License-Identifier: Apache-2.0
// From a request's head to who asks for what: path, key, and the wishes that headers or the query
// may carry.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "frontend/handler.hpp"
#include "proxy/exchange.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

/// Resolves the caller, or says why not: 404 for a path that is not served, 401 for a key that is
/// missing or wrong (unknown and wrong keys are told alike), 400 for a wish that cannot be read.
[[nodiscard]] std::expected<Caller, frontend::Refusal> find_caller(
    const Snapshot& snapshot, const frontend::Request& request);

/// Works out what the configuration says of the caller's chain and client, within its wishes: again
/// after each reload, for whoever lives longer than a request.
void settle(Caller& caller, const Snapshot& snapshot, std::string_view peer);

/// The index of a chain's upstream; nothing when it has none of that name.
[[nodiscard]] std::optional<std::uint32_t> upstream_named(const ChainSpec& chain,
                                                          std::string_view name);

/// Whether a chain answers at this path, be it with a key at its end.
[[nodiscard]] bool serves_path(const Snapshot& snapshot, std::string_view path);

/// "250ms", "2s", "1m" in full; nothing for anything else.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text) noexcept;

}  // namespace sluice::proxy
