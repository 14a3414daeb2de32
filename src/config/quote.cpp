// SPDX-License-Identifier: Apache-2.0
#include "config/quote.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::config {
namespace {

bool is_plain(std::string_view text) {
  const auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text == "null" || text == "Null" || text == "NULL") return false;
  if (!alnum(text.front()) && text.front() != '/') return false;
  if (text.back() == ':') return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return alnum(c) || std::string_view("/._-:%*+@").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string yaml_scalar(std::string_view text) {
  // JSON's escapes are a subset of those of YAML's double-quoted form.
  return is_plain(text) ? std::string(text) : json_string(text);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace sluice::config
