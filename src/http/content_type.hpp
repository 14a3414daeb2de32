// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace sluice::http {

/// Whether a Content-Type value (RFC 9110 8.3.1) says JSON in UTF-8: `application/json`,
/// `application/json-rpc` or `application/jsonrequest`, the three that Ethereum nodes take, with no
/// charset but utf-8. Other parameters are ignored when well-formed. False for an empty value.
[[nodiscard]] bool is_json_content_type(std::string_view value) noexcept;

}  // namespace sluice::http
