// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  /// Any other valid token.
  kOther,
};

/// Methods are case-sensitive (RFC 9110 9.1).
[[nodiscard]] Method parse_method(std::string_view token) noexcept;

/// Whether the bytes may stand in a target: 0x21..0x7E but `#`, and but `\`, `"`, `<` and `>`,
/// which no client sends unescaped and which are dangerous to lax readers and in logs.
[[nodiscard]] bool has_target_bytes(std::string_view text) noexcept;

/// A request target in its parts, all views into it (`path` may be a literal "/").
struct Target {
  std::string_view
      path;  // as sent: no decoding, no dot removal; "*" in asterisk form, empty for CONNECT
  std::string_view query;          // after the first `?`
  std::string_view host;           // absolute form only
  std::uint16_t port = 0;          // absolute form only; 0 when not given
  std::uint16_t default_port = 0;  // of the scheme; 0 for every form but the absolute one
};

/// Splits a target that has_target_bytes by its form (RFC 9112 3.2): origin form, absolute form of
/// http and https without userinfo, `*` for OPTIONS, authority form for CONNECT. False when it has
/// none of these forms.
[[nodiscard]] bool split_target(Method method, std::string_view text, Target& out) noexcept;

}  // namespace sluice::http
