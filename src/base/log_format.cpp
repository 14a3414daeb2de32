// SPDX-License-Identifier: Apache-2.0
#include "base/log_format.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

namespace sluice::log {
namespace {

struct CodePoint {
  char32_t value;
  std::size_t size;
  bool valid;
};

/// The code point at the start of a non-empty text, by RFC 3629: no surrogates, no overlong forms.
CodePoint decode(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) -> char32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || size > text.size()) return {lead, 1, false};
  char32_t value = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {lead, 1, false};
    value = (value << 6) | (byte(i) & 0x3F);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return {lead, 1, false};
  return {value, size, true};
}

bool is_plain(char32_t c) noexcept {
  if (c < 0x20 || c == '"' || c == '\\') return false;
  if (c >= 0x7F && c <= 0x9F) return false;
  return !(c >= 0x2028 && c <= 0x202E) && !(c >= 0x2066 && c <= 0x2069);
}

std::size_t plain_ascii_run(std::string_view text) noexcept {
  const auto* const end = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\';
  });
  return static_cast<std::size_t>(end - text.begin());
}

void append_code_point(std::string& out, std::string_view text, const CodePoint& c) {
  if (!c.valid) {
    out += "\\ufffd";
  } else if (is_plain(c.value)) {
    out.append(text.substr(0, c.size));
  } else if (c.value == '"' || c.value == '\\') {
    out += '\\';
    out += static_cast<char>(c.value);
  } else if (c.value == '\n') {
    out += "\\n";
  } else {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c.value));
  }
}

void append_number(std::string& out, const Field::Value& value) {
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, double>) {
          if (!std::isfinite(v)) {
            out += "null";
            return;
          }
        }
        if constexpr (!std::is_same_v<T, std::string_view>) {
          fmt::format_to(std::back_inserter(out), "{}", v);
        }
      },
      value);
}

/// Whether a reader of key=value pairs takes all of `text` as one value and as nothing else.
bool bare(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-_./:@+*%").find(c) != std::string_view::npos;
  });
}

std::string_view padded_level(Level level) noexcept {
  switch (level) {
    case Level::kTrace:
      return "TRACE";
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "INFO ";
    case Level::kWarn:
      return "WARN ";
    case Level::kError:
    case Level::kOff:
      break;
  }
  return "ERROR";
}

}  // namespace

void append_timestamp(std::string& out, double unix_seconds) {
  const auto micros = static_cast<std::int64_t>(std::llround(std::max(0.0, unix_seconds) * 1e6));
  const auto seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, micros % 1'000'000);
}

void append_escaped(std::string& out, std::string_view text, std::size_t bytes_max) {
  const std::size_t start = out.size();
  while (!text.empty()) {
    // Nearly all text is plain ASCII, which is copied in runs.
    const std::size_t run = plain_ascii_run(text.substr(0, bytes_max - (out.size() - start)));
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) return;
    const CodePoint c = decode(text);
    const std::size_t before = out.size();
    append_code_point(out, text, c);
    if (out.size() - start > bytes_max) {
      out.resize(before);
      out += "…";
      return;
    }
    text.remove_prefix(c.size);
  }
}

void append_json(std::string& out, double unix_seconds, Level level, std::string_view event,
                 std::string_view msg, const Field* fields, std::size_t count) {
  out += R"({"ts":")";
  append_timestamp(out, unix_seconds);
  out += R"(","level":")";
  out += level_word(level);
  out += R"(","event":")";
  append_escaped(out, event);
  out += R"(","msg":")";
  append_escaped(out, msg);
  out += '"';
  for (const Field* field = fields; field != fields + count; ++field) {
    out += ",\"";
    out += field->key;
    out += "\":";
    if (const auto* text = std::get_if<std::string_view>(&field->value)) {
      out += '"';
      append_escaped(out, *text);
      out += '"';
    } else {
      append_number(out, field->value);
    }
  }
  out += "}\n";
}

void append_text(std::string& out, double unix_seconds, Level level, std::string_view event,
                 std::string_view msg, const Field* fields, std::size_t count) {
  append_timestamp(out, unix_seconds);
  out += ' ';
  out += padded_level(level);
  out += ' ';
  append_escaped(out, msg);
  out += " event=";
  append_escaped(out, event);
  for (const Field* field = fields; field != fields + count; ++field) {
    out += ' ';
    out += field->key;
    out += '=';
    const auto* text = std::get_if<std::string_view>(&field->value);
    if (text == nullptr) {
      append_number(out, field->value);
    } else if (bare(*text) && text->size() <= kValueBytesMax) {
      out += *text;
    } else {
      out += '"';
      append_escaped(out, *text);
      out += '"';
    }
  }
  out += '\n';
}

}  // namespace sluice::log
