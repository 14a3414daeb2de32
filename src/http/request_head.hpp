// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/field.hpp"
#include "http/target.hpp"

namespace sluice::http {

struct RequestLimits {
  std::size_t head_bytes_max = 16384;  // request line, fields and skipped empty lines
  std::size_t target_bytes_max = 8192;
  std::size_t fields_max = 64;  // dropped ones count
  std::uint64_t body_bytes_max = std::uint64_t{5} << 20;
};

/// A request head that passed all rules of syntax and framing. The views point into the buffer of
/// the last parse call (see RequestParser); a field that was not sent is an empty view with a null
/// data().
struct RequestHead {
  Method method = Method::kOther;
  int minor = 1;  // HTTP/1.minor, 0 or 1
  bool keep_alive = false;
  bool chunked = false;
  bool has_length = false;
  /// The client waits for 100 Continue: HTTP/1.1, and a body is to come.
  bool expect_continue = false;
  bool upgrade_websocket = false;
  std::uint64_t content_length = 0;

  std::string_view target;  // as sent
  std::string_view path;    // of the origin or absolute form, undecoded
  std::string_view query;   // without the `?`

  std::string_view host;  // the field's value, port included; may be empty
  std::string_view content_type;
  std::string_view content_encoding;
  std::string_view authorization;
  std::string_view api_key;  // X-API-Key
  std::string_view origin;
  std::string_view request_id;     // X-Request-Id, the first one
  std::string_view forwarded_for;  // X-Forwarded-For, the last line; earlier ones are in fields()
  std::string_view priority;       // X-Sluice-Priority
  std::string_view timeout;        // X-Sluice-Timeout
  std::string_view affinity;       // X-Sluice-Affinity
  std::string_view use_upstream;   // X-Sluice-Use-Upstream
  std::string_view debug;          // X-Sluice-Debug
  std::string_view ws_key;         // Sec-WebSocket-Key
  std::string_view ws_version;     // Sec-WebSocket-Version
  std::string_view ws_protocol;    // Sec-WebSocket-Protocol, the first line
  std::string_view access_control_request_method;
  std::string_view traceparent;  // the first one

  /// Every field line that was kept, in order.
  [[nodiscard]] const FieldList& fields() const noexcept { return field_list; }
  [[nodiscard]] bool has_body() const noexcept { return chunked || content_length != 0; }

  FieldList field_list;
};

}  // namespace sluice::http
