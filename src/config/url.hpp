// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <ostream>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sluice::config {

/// An upstream's URL, split (RFC 3986). Providers put keys into path, query and user info, so every
/// way of printing it gives redacted(); the parts are for the one place that speaks to the
/// upstream.
struct Url {
  std::string scheme;          // lower case
  std::string host;            // lower case; an IPv6 literal stands without brackets
  std::uint16_t port = 0;      // the scheme's own when none was written
  std::string path_and_query;  // begins with '/'; as written
  std::string userinfo;        // as written, without '@'

  [[nodiscard]] bool tls() const { return scheme == "https"; }
  /// `scheme://host:port`, nothing else.
  [[nodiscard]] std::string redacted() const;
  /// What goes into Host: the port only where it is not the scheme's own (RFC 9110 7.2).
  [[nodiscard]] std::string authority() const;
  bool operator==(const Url&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Url& url) {
  return out << url.redacted();
}

/// Why a text is no URL: words that never repeat the text itself, beyond its scheme.
struct UrlError {
  std::string message;
  std::string suggestion;
};

/// Accepts the schemes of kSchemes that this build has.
[[nodiscard]] std::expected<Url, UrlError> parse_url(std::string_view text);

}  // namespace sluice::config

template <>
struct fmt::formatter<sluice::config::Url> : fmt::formatter<std::string_view> {
  auto format(const sluice::config::Url& url, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(url.redacted(), context);
  }
};
