// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/write.hpp"

#include <array>
#include <charconv>
#include <cstddef>

#include "base/parts.hpp"
#include "jsonrpc/bytes.hpp"
#include "jsonrpc/envelope_words.hpp"
#include "jsonrpc/utf8.hpp"

namespace sluice::jsonrpc {
namespace {

void append_integer(std::string& out, int value) {
  std::array<char, 20> digits{};
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), written.ptr);
}

void append_ascii_escape(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      return;
    case '\\':
      out.append("\\\\");
      return;
    case '\n':
      out.append("\\n");
      return;
    case '\r':
      out.append("\\r");
      return;
    case '\t':
      out.append("\\t");
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out.append("\\u00");
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 0x0fU]);
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  for (;;) {
    const char* const stop = plain_run(p, end);
    out.append(p, stop);
    p = stop;
    if (p == end) return;
    if (static_cast<unsigned char>(*p) < 0x80) {
      append_ascii_escape(out, *p++);
    } else if (const char* const after = utf8_sequence(p, end); after != nullptr) {
      out.append(p, after);
      p = after;
    } else {
      out.append("\xef\xbf\xbd");
      ++p;
    }
  }
}

void append_request(std::string& out, std::uint64_t id, std::string_view method,
                    std::string_view params) {
  const std::string_view before = params.empty() ? R"(")" : kBeforeParams;
  const char* const end = method.data() + method.size();
  if (plain_run(method.data(), end) == end) {
    append_parts(out, kBeforeId, Decimal(id), kBeforeMethod, method, before, params, kClose);
    return;
  }
  append_parts(out, kBeforeId, Decimal(id), kBeforeMethod);
  append_escaped(out, method);
  append_parts(out, before, params, kClose);
}

void append_error(std::string& out, std::string_view id_raw, int code, std::string_view message,
                  std::string_view data_raw) {
  append_parts(out, kBeforeId, id_raw, kBeforeError, R"({"code":)");
  append_integer(out, code);
  out.append(R"(,"message":")");
  append_escaped(out, message);
  out.push_back('"');
  if (!data_raw.empty()) {
    out.append(R"(,"data":)");
    out.append(data_raw);
  }
  out.append("}}");
}

}  // namespace sluice::jsonrpc
