// SPDX-License-Identifier: Apache-2.0
#include "config/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <class T>
std::optional<T> parse_decimal(std::string_view text, T max) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if ((text.size() > 1 && text[0] == '0') || value > max) return std::nullopt;
  return value;
}

std::string ip_text(const Ip& ip) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const bool v4 = ip.is_v4();
  const void* from = v4 ? ip.bytes.data() + kMapped.size() : ip.bytes.data();
  inet_ntop(v4 ? AF_INET : AF_INET6, from, buffer.data(), buffer.size());
  return buffer.data();
}

}  // namespace

bool Ip::is_v4() const noexcept {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool Ip::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) &&
         bytes[15] == 1;
}

bool Ip::is_any() const noexcept {
  const auto* from = is_v4() ? bytes.begin() + kMapped.size() : bytes.begin();
  return std::all_of(from, bytes.end(), [](auto b) { return b == 0; });
}

bool Ip::is_link_local() const noexcept {
  if (is_v4()) return bytes[12] == 169 && bytes[13] == 254;
  static constexpr std::array<std::uint8_t, 16> kMetadata = {0xfd, 0, 0x0e, 0xc2, 0, 0, 0,    0,
                                                             0,    0, 0,    0,    0, 0, 0x02, 0x54};
  return (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) || bytes == kMetadata;
}

std::optional<Ip> parse_ip(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string copy(text);
  Ip ip;
  if (inet_pton(AF_INET6, copy.c_str(), ip.bytes.data()) == 1) return ip;
  std::copy(kMapped.begin(), kMapped.end(), ip.bytes.begin());
  if (inet_pton(AF_INET, copy.c_str(), ip.bytes.data() + kMapped.size()) == 1) return ip;
  return std::nullopt;
}

std::string Address::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

bool Address::is_loopback() const {
  if (host == "localhost") return true;
  const auto ip = parse_ip(host);
  return ip && ip->is_loopback();
}

std::optional<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_decimal<std::uint32_t>(text.substr(colon + 1), 65535);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!port || bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  if (host != "localhost" && !parse_ip(host)) return std::nullopt;
  return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

bool Cidr::contains(const Ip& ip) const noexcept {
  const std::size_t whole = prefix / 8;
  if (std::memcmp(ip.bytes.data(), base.bytes.data(), whole) != 0) return false;
  if (prefix % 8 == 0) return true;
  const unsigned shift = 8 - prefix % 8;
  return (ip.bytes[whole] >> shift) == (base.bytes[whole] >> shift);
}

bool Cidr::contains(std::span<const std::uint8_t> ip) const noexcept {
  Ip whole;
  if (ip.size() == 4) {
    std::copy(kMapped.begin(), kMapped.end(), whole.bytes.begin());
    std::copy(ip.begin(), ip.end(), whole.bytes.begin() + kMapped.size());
  } else if (ip.size() == whole.bytes.size()) {
    std::copy(ip.begin(), ip.end(), whole.bytes.begin());
  } else {
    return false;
  }
  return contains(whole);
}

std::string Cidr::text() const {
  if (prefix == 128) return ip_text(base);
  // A prefix shorter than the mapped form's own 96 bits can only have been written in IPv6 form.
  const bool v4 = base.is_v4() && prefix >= 96;
  return fmt::format("{}/{}", ip_text(base), v4 ? prefix - 96 : prefix);
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const auto ip = parse_ip(address);
  if (!ip) return std::nullopt;
  Cidr cidr{*ip, 128};
  if (slash == std::string_view::npos) return cidr;
  const bool dotted = address.find(':') == std::string_view::npos;
  // Mapped addresses with an IPv6 prefix have two readings; ask for the plain IPv4 form.
  if (!dotted && ip->is_v4()) return std::nullopt;
  const auto prefix = parse_decimal<unsigned>(text.substr(slash + 1), dotted ? 32 : 128);
  if (!prefix) return std::nullopt;
  cidr.prefix = dotted ? *prefix + 96 : *prefix;
  for (unsigned bit = cidr.prefix; bit < 128; ++bit) {
    if ((ip->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return cidr;
}

bool is_host_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  char previous = '.';
  for (const char c : text) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == '.') {
      if (label == 0 || previous == '-') return false;
      label = 0;
    } else {
      if (!alnum && c != '-' && c != '_') return false;
      if (c == '-' && label == 0) return false;
      if (++label > 63) return false;
    }
    previous = c;
  }
  return previous != '-' && previous != '.';
}

}  // namespace sluice::config
