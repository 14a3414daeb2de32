// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::admin {

/// Which Host names are answered. A browser can be led to this port under a foreign name that
/// resolves to our address (DNS rebinding); it then sends that name, so only names that nobody else
/// can own are taken: IP literals, localhost, and those the operator lists. A port open to other
/// machines without a list takes any name, as orchestrators scrape by service name, unless an
/// Origin shows that a browser's page is asking.
struct HostRule {
  std::vector<std::string> names;  ///< without ports; compared without case
  bool any_without_origin = false;

  /// `host` is the field's value: a name or IP literal (IPv6 in brackets), maybe with a port (RFC
  /// 9110, 7.2).
  [[nodiscard]] bool allows(std::string_view host, bool has_origin) const;
};

}  // namespace sluice::admin
