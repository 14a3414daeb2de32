// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/clock.hpp"
#include "events/webhook.hpp"
#include "net/name_lookup.hpp"

namespace sluice::events {

/// How one POST ended.
struct PostResult {
  int status = 0;      ///< 0: there was no answer
  std::string reason;  ///< a closed word: resolve, connect, tls, timeout, closed, or http_<status>
  std::optional<Duration> retry_after;
};

/// The head and body of a request to `target`.
[[nodiscard]] std::string post_request(const WebhookTarget& target, const std::string& body);

/// Sends `request` on a connection of its own and reads the answer's head, all within the target's
/// timeout. Internal to the module; on the thread of `names`.
boost::asio::awaitable<PostResult> post(const WebhookTarget& target, const std::string& request,
                                        net::NameLookup& names);

}  // namespace sluice::events
