// SPDX-License-Identifier: Apache-2.0
#include "http/content_type.hpp"

#include <cstddef>

#include "http/characters.hpp"

namespace sluice::http {
namespace {

/// Takes a token or a quoted string off the front; `value` is what stands between the quotes,
/// escapes as they are.
bool take_value(std::string_view& rest, std::string_view& value) noexcept {
  const bool quoted = rest.starts_with('"');
  std::size_t end = quoted ? 1 : 0;
  if (quoted) {
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2U : 1U;
    if (end >= rest.size()) return false;
    value = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
  }
  while (end < rest.size() && is(kTokenChar, rest[end])) ++end;
  value = rest.substr(0, end);
  rest.remove_prefix(end);
  return end != 0;
}

void skip_ows(std::string_view& rest) noexcept {
  while (!rest.empty() && is_ows(rest.front())) rest.remove_prefix(1);
}

/// *( OWS ";" OWS [ token "=" value ] )
bool has_only_utf8(std::string_view rest) noexcept {
  for (skip_ows(rest); !rest.empty(); skip_ows(rest)) {
    if (rest.front() != ';') return false;
    rest.remove_prefix(1);
    skip_ows(rest);
    if (rest.empty() || rest.front() == ';') continue;
    std::size_t size = 0;
    while (size < rest.size() && is(kTokenChar, rest[size])) ++size;
    const auto name = rest.substr(0, size);
    if (size == 0 || size == rest.size() || rest[size] != '=') return false;
    rest.remove_prefix(size + 1);
    std::string_view value;
    if (!take_value(rest, value)) return false;
    if (iequals(name, "charset") && !iequals(value, "utf-8")) return false;
  }
  return true;
}

}  // namespace

bool is_json_content_type(std::string_view value) noexcept {
  if (value == "application/json") return true;  // nearly always
  const auto end = value.find_first_of("; \t");
  const auto type = value.substr(0, end);
  if (!iequals(type, "application/json") && !iequals(type, "application/json-rpc") &&
      !iequals(type, "application/jsonrequest")) {
    return false;
  }
  return end == value.npos || has_only_utf8(value.substr(end));
}

}  // namespace sluice::http
