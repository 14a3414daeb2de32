// SPDX-License-Identifier: Apache-2.0
#include "http/writer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "http/scan.hpp"

namespace sluice::http {
namespace {

constexpr auto kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

char* write_text(char* out, std::string_view text) noexcept {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* write_decimal(char* out, std::uint64_t value) noexcept {
  std::array<char, kDecimalBytesMax> digits;
  std::size_t at = digits.size();
  while (value >= 100) {
    at -= 2;
    std::memcpy(&digits[at], &kDigitPairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (value >= 10) {
    at -= 2;
    std::memcpy(&digits[at], &kDigitPairs[2 * value], 2);
  } else {
    digits[--at] = static_cast<char>('0' + value);
  }
  return std::copy(digits.begin() + static_cast<std::ptrdiff_t>(at), digits.end(), out);
}

char* write_hex(char* out, std::uint64_t value) noexcept {
  const int bits = value == 0 ? 4 : static_cast<int>(std::bit_width(value) + 3) / 4 * 4;
  for (int shift = bits - 4; shift >= 0; shift -= 4) {
    *out++ = "0123456789abcdef"[(value >> shift) & 0xF];
  }
  return out;
}

char* write_status_line(char* out, int status) noexcept {
  out = write_text(out, "HTTP/1.1 ");
  out = write_decimal(out, static_cast<std::uint64_t>(status));
  *out++ = ' ';
  out = write_text(out, reason_phrase(status));
  return write_text(out, "\r\n");
}

char* write_field(char* out, std::string_view name, std::string_view value) noexcept {
  out = write_text(out, name);
  out = write_text(out, ": ");
  out = write_text(out, value);
  return write_text(out, "\r\n");
}

char* write_chunk_header(char* out, std::uint64_t size) noexcept {
  return write_text(write_hex(out, size), "\r\n");
}

void append_decimal(std::string& out, std::uint64_t value) {
  std::array<char, kDecimalBytesMax> digits;
  out.append(digits.data(), write_decimal(digits.data(), value));
}

void append_status_line(std::string& out, int status) {
  if (status == 200) {
    out.append(std::string_view("HTTP/1.1 200 OK\r\n"));
    return;
  }
  std::array<char, kStatusLineBytesMax> line;
  out.append(line.data(), write_status_line(line.data(), status));
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
  out.append(name).append(": ");
  append_decimal(out, value);
  out.append("\r\n");
}

bool is_field_value(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return find_control(text.data(), end) == end;
}

}  // namespace sluice::http
