// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/handlers.hpp"
#include "admin/host_rule.hpp"
#include "events/reader.hpp"

namespace sluice::admin {

/// What of a request decides its answer.
struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view host;
  std::size_t hosts = 0;   ///< how many Host fields came
  bool needs_host = true;  ///< HTTP/1.1 and later
  bool has_origin = false;
  bool has_body = false;
  /// The field Last-Event-ID, which a browser sends when it comes again.
  std::optional<std::string_view> last_event_id = std::nullopt;
};

struct Response {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
  /// The connection cannot go on: what follows on it is not understood or not wanted.
  bool close = false;
  /// The body is the stream of events from there on, until either side closes.
  std::optional<events::Reader::Options> follow = std::nullopt;
};

/// The whole of the admin port's pages: a decision, no I/O. Throws what a handler throws.
[[nodiscard]] Response respond(const Request& request, const HostRule& hosts,
                               const Handlers& handlers);

/// A line of text for a request that never became one; closes.
[[nodiscard]] Response refuse(unsigned status, std::string_view text);

/// IMF-fixdate (RFC 9110, 5.6.7): Sun, 06 Nov 1994 08:49:37 GMT.
[[nodiscard]] std::string http_date(double unix_seconds);

}  // namespace sluice::admin
