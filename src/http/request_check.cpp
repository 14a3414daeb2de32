// SPDX-License-Identifier: Apache-2.0
#include "http/request_check.hpp"

#include "http/characters.hpp"
#include "http/content_type.hpp"

namespace sluice::http {
namespace {

Reason check_post(const RequestHead& head, const RequestLimits& limits) noexcept {
  if (head.upgrade_websocket) return Reason::kBadUpgrade;
  if (!head.has_length && !head.chunked) return Reason::kLengthRequired;
  if (head.content_length > limits.body_bytes_max) return Reason::kBodyTooLarge;
  const auto encoding = head.content_encoding;
  if (encoding.data() != nullptr && !iequals(encoding, "identity")) {
    return Reason::kUnsupportedContentEncoding;
  }
  return is_json_content_type(head.content_type) ? Reason::kNone : Reason::kUnsupportedContentType;
}

Reason check(const RequestHead& head, const RequestLimits& limits) noexcept {
  switch (head.method) {
    case Method::kPost:
      return check_post(head, limits);
    case Method::kGet:
      return head.has_body() ? Reason::kBodyNotAllowed : Reason::kNone;
    case Method::kHead:
    case Method::kOptions:
      if (head.upgrade_websocket) return Reason::kBadUpgrade;
      return head.has_body() ? Reason::kBodyNotAllowed : Reason::kNone;
    default:
      return Reason::kMethodNotAllowed;
  }
}

}  // namespace

std::optional<Reject> check_framing(const RequestHead& head, const RequestLimits& limits) noexcept {
  const Reason reason = check(head, limits);
  if (reason == Reason::kNone) return std::nullopt;
  return reject_of(reason);
}

}  // namespace sluice::http
