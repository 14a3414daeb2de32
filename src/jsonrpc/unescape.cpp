// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/unescape.hpp"

#include "jsonrpc/utf8.hpp"

namespace sluice::jsonrpc {
namespace {

constexpr char32_t kReplacement = 0xfffd;

char32_t hex_digit(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= '9' ? byte - U'0' : (byte | 0x20U) - U'a' + 10U;
}

char32_t hex_quad(const char* p) noexcept {
  return hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]);
}

/// p is behind "\u".
char32_t unicode_escape(const char*& p, const char* end) noexcept {
  const char32_t unit = hex_quad(p);
  p += 4;
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || end - p < 6 || p[0] != '\\' || p[1] != 'u') return kReplacement;
  const char32_t low = hex_quad(p + 2);
  if (low < 0xdc00 || low > 0xdfff) return kReplacement;
  p += 6;
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

char32_t simple_escape(char c) noexcept {
  switch (c) {
    case 'b':
      return U'\b';
    case 'f':
      return U'\f';
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    default:
      return static_cast<unsigned char>(c);
  }
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

}  // namespace

char32_t next_code_point(const char*& p, const char* end) noexcept {
  const auto byte = static_cast<unsigned char>(*p++);
  if (byte == '\\') {
    const char kind = *p++;
    return kind == 'u' ? unicode_escape(p, end) : simple_escape(kind);
  }
  if (byte < 0x80) return byte;
  const unsigned rest = utf8_lead(byte).rest;
  char32_t code_point = byte & (0x3fU >> rest);
  for (unsigned i = 0; i < rest; ++i) {
    code_point = code_point << 6 | (static_cast<unsigned char>(*p++) & 0x3fU);
  }
  return code_point;
}

void append_unescaped(std::string& out, std::string_view raw) {
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p != end) {
    const auto plain = std::string_view(p, end).find('\\');
    const char* const escape = plain == std::string_view::npos ? end : p + plain;
    out.append(p, escape);
    p = escape;
    if (p != end) append_utf8(out, next_code_point(p, end));
  }
}

bool equals_unescaped(std::string_view raw, std::string_view ascii) noexcept {
  const char* p = raw.data();
  const char* const end = p + raw.size();
  for (const char wanted : ascii) {
    if (p == end || next_code_point(p, end) != static_cast<unsigned char>(wanted)) return false;
  }
  return p == end;
}

}  // namespace sluice::jsonrpc
