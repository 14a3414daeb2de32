// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/scan.hpp"

namespace sluice::jsonrpc {
namespace {

/// p is at the backslash. Surrogates are not paired up: RFC 8259, section 8.2, lets lone ones
/// stand.
const char* scan_escape(const char* p, const char* end) noexcept {
  if (end - p < 2) return nullptr;
  if (is_byte(p[1], kEscapeByte)) return p + 2;
  if (p[1] != 'u' || end - p < 6) return nullptr;
  for (int i = 2; i < 6; ++i) {
    if (!is_byte(p[i], kHexByte)) return nullptr;
  }
  return p + 6;
}

const char* scan_digits(const char* p, const char* end) noexcept {
  if (p == end || !is_byte(*p, kDigitByte)) return nullptr;
  do ++p;
  while (p != end && is_byte(*p, kDigitByte));
  return p;
}

const char* scan_literal(const char* p, const char* end, std::string_view literal) noexcept {
  if (static_cast<std::size_t>(end - p) < literal.size()) return nullptr;
  return std::memcmp(p, literal.data(), literal.size()) == 0 ? p + literal.size() : nullptr;
}

const char* scan_key(const char* p, const char* end) noexcept {
  if (p == end || *p != '"') return nullptr;
  p = scan_string(p + 1, end);
  return p == nullptr ? nullptr : scan_colon(p, end);
}

/// p != end.
const char* scan_scalar(const char* p, const char* end) noexcept {
  switch (*p) {
    case '"':
      return scan_string(p + 1, end);
    case 't':
      return scan_literal(p, end, "true");
    case 'f':
      return scan_literal(p, end, "false");
    case 'n':
      return scan_literal(p, end, "null");
    default:
      return scan_number(p, end);
  }
}

/// After a value: closes containers down to `floor`, or goes to the next value of one that is still
/// open.
const char* scan_after(const char* p, const char* end, Nesting& nesting,
                       std::size_t floor) noexcept {
  while (nesting.depth() != floor) {
    p = skip_space(p, end);
    if (p == end) return nullptr;
    const bool object = nesting.in_object();
    if (*p == ',') {
      p = skip_space(p + 1, end);
      return object ? scan_key(p, end) : p;
    }
    if (*p != (object ? '}' : ']')) return nullptr;
    nesting.pop();
    ++p;
  }
  return p;
}

}  // namespace

const char* scan_string(const char* p, const char* end) noexcept {
  for (;;) {
    p = plain_run(p, end);
    if (p == end) return nullptr;
    if (*p == '"') return p + 1;
    if (*p == '\\') {
      p = scan_escape(p, end);
    } else {
      do p = utf8_sequence(p, end);  // a control character starts no sequence
      while (p != nullptr && p != end && static_cast<unsigned char>(*p) >= 0x80);
    }
    if (p == nullptr) return nullptr;
  }
}

const char* scan_number(const char* p, const char* end) noexcept {
  if (p != end && *p == '-') ++p;
  if (p != end && *p == '0') {
    ++p;
  } else {
    p = scan_digits(p, end);
    if (p == nullptr) return nullptr;
  }
  if (p != end && *p == '.') {
    p = scan_digits(p + 1, end);
    if (p == nullptr) return nullptr;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    p = scan_digits(p, end);
  }
  return p;
}

const char* scan_value(const char* p, const char* end, Nesting& nesting) noexcept {
  const std::size_t floor = nesting.depth();
  for (;;) {
    if (p == end) return nullptr;
    if (*p == '{' || *p == '[') {
      const bool object = *p == '{';
      if (!nesting.push(object)) return nullptr;
      p = skip_space(p + 1, end);
      if (p == end) return nullptr;
      if (*p != (object ? '}' : ']')) {
        if (object) p = scan_key(p, end);
        if (p == nullptr) return nullptr;
        continue;
      }
      nesting.pop();
      ++p;
    } else {
      p = scan_scalar(p, end);
    }
    if (p == nullptr) return nullptr;
    p = scan_after(p, end, nesting, floor);
    if (p == nullptr || nesting.depth() == floor) return p;
  }
}

}  // namespace sluice::jsonrpc
