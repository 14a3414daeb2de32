// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

/// Byte classes of the HTTP and URI grammars, one table lookup each.
enum CharClass : std::uint8_t {
  /// tchar, RFC 9110 5.6.2.
  kTokenChar = 1,
  /// Legal in a token, but folded to `-` by CGI-like back ends: such field names are dropped.
  kUnderscore = 2,
  /// What we take in a request target: see target.hpp.
  kTargetChar = 4,
  /// reg-name without percent escapes and sub-delims, RFC 3986 3.2.2: names and IPv4 literals.
  kHostChar = 8,
  kDigit = 16,
  kHexDigit = 32,
  /// Controls but HTAB, and DEL: nowhere legal in a head but as CRLF.
  kControl = 64,
};

namespace detail {

constexpr bool is_alphanumeric(unsigned c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr std::uint8_t class_of(unsigned c) noexcept {
  const char character = static_cast<char>(c);
  unsigned bits = 0;
  const auto is_in = [&](std::string_view set) { return set.find(character) != set.npos; };
  if (c < 0x80 && (is_alphanumeric(c) || is_in("!#$%&'*+-.^_`|~"))) bits |= kTokenChar;
  if (c == '_') bits |= kUnderscore;
  if (c > 0x20 && c < 0x7F && !is_in("#\\\"<>")) bits |= kTargetChar;
  if (c < 0x80 && (is_alphanumeric(c) || is_in("-._~"))) bits |= kHostChar;
  if (c >= '0' && c <= '9') bits |= kDigit | kHexDigit;
  if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHexDigit;
  if ((c < 0x20 && c != '\t') || c == 0x7F) bits |= kControl;
  return static_cast<std::uint8_t>(bits);
}

constexpr std::array<std::uint8_t, 256> make_classes() noexcept {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < table.size(); ++c) table[c] = class_of(c);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

}  // namespace detail

/// All class bits of a byte.
constexpr std::uint8_t classes(char c) noexcept {
  return detail::kClasses[static_cast<unsigned char>(c)];
}

constexpr bool is(CharClass wanted, char c) noexcept {
  return (classes(c) & wanted) != 0;
}

/// Optional whitespace of RFC 9110 5.6.3.
constexpr bool is_ows(char c) noexcept {
  return c == ' ' || c == '\t';
}

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// token of RFC 9110 5.6.2: one tchar or more.
constexpr bool is_token(std::string_view text) noexcept {
  for (const char c : text) {
    if (!is(kTokenChar, c)) return false;
  }
  return !text.empty();
}

/// Equality without regard to ASCII case; bytes above 0x7F compare as they are.
constexpr bool iequals(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

constexpr std::string_view trim_ows(std::string_view text) noexcept {
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

/// The next item of a comma-separated list (RFC 9110 5.6.1), trimmed, maybe empty; `rest` shrinks
/// by it. False at the end of the list. A quoted string is not understood: for lists of tokens and
/// addresses.
constexpr bool take_item(std::string_view& rest, std::string_view& item) noexcept {
  if (rest.data() == nullptr) return false;
  const auto comma = rest.find(',');
  item = trim_ows(rest.substr(0, comma));
  rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
  return true;
}

/// The same from the right, as a list of proxies must be read: the last one is the nearest hop.
constexpr bool take_last_item(std::string_view& rest, std::string_view& item) noexcept {
  if (rest.data() == nullptr) return false;
  const auto comma = rest.rfind(',');
  item = trim_ows(comma == rest.npos ? rest : rest.substr(comma + 1));
  rest = comma == rest.npos ? std::string_view() : rest.substr(0, comma);
  return true;
}

}  // namespace sluice::http
