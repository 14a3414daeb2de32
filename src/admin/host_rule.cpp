// SPDX-License-Identifier: Apache-2.0
#include "admin/host_rule.hpp"

#include <algorithm>
#include <optional>

#include <boost/asio/ip/address.hpp>

namespace sluice::admin {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_port(std::string_view text) noexcept {
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The field without its port; nothing if it is not of the form at all.
std::optional<std::string_view> without_port(std::string_view host) noexcept {
  const std::size_t end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  if (end == 0) return std::nullopt;  // a bracket that does not close, or nothing before the port
  if (end >= host.size()) return host.empty() ? std::nullopt : std::optional(host);
  if (host[end] != ':' || !is_port(host.substr(end + 1))) return std::nullopt;
  return host.substr(0, end);
}

bool is_address(std::string_view name) {
  boost::system::error_code error;
  if (name.starts_with('[')) {
    const std::string inner(name.substr(1, name.size() - 2));
    boost::asio::ip::make_address_v6(inner, error);
  } else {
    boost::asio::ip::make_address_v4(std::string(name), error);
  }
  return !error;
}

}  // namespace

bool HostRule::allows(std::string_view host, bool has_origin) const {
  const std::optional<std::string_view> name = without_port(host);
  if (!name) return false;
  if (any_without_origin && !has_origin) return true;
  if (same_name(*name, "localhost") || is_address(*name)) return true;
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& listed) { return same_name(listed, *name); });
}

}  // namespace sluice::admin
