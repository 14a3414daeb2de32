// SPDX-License-Identifier: Apache-2.0
// Steps through a JSON token that a strict validator has passed already: no grammar is checked
// again, no memory taken. On bytes that are not JSON the functions end at `end` or give an empty
// view; they never read past it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "jsonrpc/bytes.hpp"

namespace sluice::ethereum::scan {

using jsonrpc::skip_space;

/// Within a string, from any byte that no backslash precedes to behind the closing quote; for long
/// strings.
[[nodiscard]] inline const char* skip_long_string(const char* p, const char* end) noexcept {
  for (; p < end; ++p) {
    const void* found = std::memchr(p, '"', static_cast<std::size_t>(end - p));
    if (found == nullptr) return end;
    const char* quote = static_cast<const char*>(found);
    const char* escape = quote;
    while (escape > p && escape[-1] == '\\') --escape;
    p = quote;
    if ((quote - escape) % 2 == 0) return quote + 1;
  }
  return end;
}

/// From an opening quote to just behind the closing one. Keys, addresses and hashes are short, so
/// that a call of memchr for each would take longer; calldata is long and gets it.
[[nodiscard]] inline const char* skip_string(const char* p, const char* end) noexcept {
  constexpr std::ptrdiff_t kShort = 160;
  ++p;
  const char* const near = p + std::min(end - p, kShort);
  p = jsonrpc::plain_run(p, near);
  return p != near && *p == '"' ? p + 1 : skip_long_string(p, end);
}

[[nodiscard]] inline const char* skip_container(const char* p, const char* end) noexcept {
  std::size_t depth = 0;
  while (p != end) {
    const char c = *p;
    if (c == '"') {
      p = skip_string(p, end);
      continue;
    }
    ++p;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return p;
  }
  return end;
}

/// From the first byte of a value to just behind its last.
[[nodiscard]] inline const char* skip_value(const char* p, const char* end) noexcept {
  if (p == end) return end;
  if (*p == '"') return skip_string(p, end);
  if (*p == '{' || *p == '[') return skip_container(p, end);
  while (p != end && *p != ',' && *p != ']' && *p != '}' && *p != ' ' && *p != '\t' && *p != '\n' &&
         *p != '\r') {
    ++p;
  }
  return p;
}

[[nodiscard]] inline std::string_view view(const char* from, const char* to) noexcept {
  return {from, static_cast<std::size_t>(to - from)};
}

/// What lies between the quotes; empty when the token is not a string.
[[nodiscard]] inline std::string_view unquoted(std::string_view token) noexcept {
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return {};
  return token.substr(1, token.size() - 2);
}

/// The raw token of array[index]; empty when there is none or `array` is not an array.
[[nodiscard]] inline std::string_view element(std::string_view array, unsigned index) noexcept {
  const char* const end = array.data() + array.size();
  const char* p = skip_space(array.data(), end);
  if (p == end || *p != '[') return {};
  for (p = skip_space(p + 1, end); p != end && *p != ']'; p = skip_space(p + 1, end)) {
    const char* const after = skip_value(p, end);
    if (index == 0) return view(p, after);
    --index;
    p = skip_space(after, end);
    if (p == end || *p != ',') return {};
  }
  return {};
}

/// Calls visit(key, token) for the members of an object, the key as written between its quotes.
/// False when it is not an object, is cut off, or a key holds an escape, since such a key might be
/// any other key in disguise.
template <class Visit>
[[nodiscard]] bool for_each_member(std::string_view object, Visit visit) noexcept {
  const char* const end = object.data() + object.size();
  const char* p = skip_space(object.data(), end);
  if (p == end || *p != '{') return false;
  p = skip_space(p + 1, end);
  while (p != end && *p == '"') {
    const char* const quote =
        std::find_if(p + 1, end, [](char c) { return c == '"' || c == '\\'; });
    if (quote == end || *quote != '"') return false;
    const std::string_view key = view(p + 1, quote);
    p = skip_space(quote + 1, end);
    if (p == end || *p != ':') return false;
    p = skip_space(p + 1, end);
    const char* const after = skip_value(p, end);
    visit(key, view(p, after));
    p = skip_space(after, end);
    if (p != end && *p == ',') p = skip_space(p + 1, end);
  }
  return p != end && *p == '}';
}

}  // namespace sluice::ethereum::scan
