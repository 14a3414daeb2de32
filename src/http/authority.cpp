// SPDX-License-Identifier: Apache-2.0
#include "http/authority.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <arpa/inet.h>

#include "http/characters.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t kHostBytesMax = 255;

bool parse_port(std::string_view digits, std::uint16_t& port) noexcept {
  if (digits.empty() || digits.size() > 5) return false;
  unsigned value = 0;
  for (const char c : digits) {
    if (!is(kDigit, c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value == 0 || value > 65535) return false;
  port = static_cast<std::uint16_t>(value);
  return true;
}

bool is_ipv6(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != text.npos) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  in6_addr address{};
  return inet_pton(AF_INET6, copy.data(), &address) == 1;
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is(kHostChar, c); });
}

}  // namespace

bool valid_host(std::string_view text, std::string_view& host, std::uint16_t& port) noexcept {
  if (text.empty() || text.size() > kHostBytesMax) return false;
  const bool literal = text.front() == '[';
  const auto end = literal ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == text.npos) return false;
  const auto name = literal ? text.substr(1, end - 1) : text.substr(0, end);
  if (literal ? !is_ipv6(name) : !is_name(name)) return false;
  const auto rest = text.substr(end + (literal ? 1 : 0));
  std::uint16_t number = 0;
  if (!rest.empty() && (rest.front() != ':' || !parse_port(rest.substr(1), number))) return false;
  host = name;
  port = number;
  return true;
}

}  // namespace sluice::http
