// SPDX-License-Identifier: Apache-2.0
#include "http/writer.hpp"

#include <bit>

#include "base/parts.hpp"

namespace sluice::http {
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

char* write_chunk_header(char* out, std::uint64_t size) noexcept {
  const int bits = (static_cast<int>(std::bit_width(size)) + 3) / 4 * 4;
  for (int shift = bits - 4; shift >= 0; shift -= 4) {
    *out++ = "0123456789abcdef"[(size >> shift) & 0xF];
  }
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

void append_status_line(std::string& out, int status) {
  append_parts(out, "HTTP/1.1 ", Decimal(static_cast<std::uint64_t>(status)), " ",
               reason_phrase(status), "\r\n");
}

}  // namespace sluice::http
