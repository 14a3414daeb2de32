// SPDX-License-Identifier: Apache-2.0
#include "http/target.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "http/authority.hpp"
#include "http/characters.hpp"

namespace sluice::http {
namespace {

constexpr auto kMethods = std::to_array<std::pair<std::string_view, Method>>({
    {"POST", Method::kPost},
    {"GET", Method::kGet},
    {"OPTIONS", Method::kOptions},
    {"HEAD", Method::kHead},
    {"PUT", Method::kPut},
    {"DELETE", Method::kDelete},
    {"CONNECT", Method::kConnect},
    {"TRACE", Method::kTrace},
    {"PATCH", Method::kPatch},
});

void split_path(std::string_view text, Target& out) noexcept {
  const auto mark = text.find('?');
  out.path = text.substr(0, mark);
  out.query = mark == text.npos ? std::string_view() : text.substr(mark + 1);
  if (out.path.empty()) out.path = "/";
}

bool split_absolute(std::string_view text, Target& out) noexcept {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  const bool plain = iequals(text.substr(0, kHttp.size()), kHttp);
  if (!plain && !iequals(text.substr(0, kHttps.size()), kHttps)) return false;
  text.remove_prefix(plain ? kHttp.size() : kHttps.size());
  const auto authority = text.substr(0, text.find_first_of("/?"));
  if (!valid_host(authority, out.host, out.port)) return false;
  out.default_port = plain ? 80 : 443;
  split_path(text.substr(authority.size()), out);
  return true;
}

}  // namespace

Method parse_method(std::string_view token) noexcept {
  for (const auto& [name, method] : kMethods) {
    if (token == name) return method;
  }
  return Method::kOther;
}

bool has_target_bytes(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return is(kTargetChar, c); });
}

bool split_target(Method method, std::string_view text, Target& out) noexcept {
  if (method == Method::kConnect) {
    std::string_view host;
    std::uint16_t port = 0;
    return valid_host(text, host, port) && port != 0;
  }
  if (text.starts_with('/')) {
    split_path(text, out);
    return true;
  }
  if (text == "*") {
    out.path = text;
    return method == Method::kOptions;
  }
  return split_absolute(text, out);
}

}  // namespace sluice::http
