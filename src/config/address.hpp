// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::config {

/// An IP address in network byte order. An IPv4 address is held in its IPv4-mapped form
/// (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that both spellings of one address compare equal.
struct Ip {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] bool is_v4() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  /// 0.0.0.0 or ::
  [[nodiscard]] bool is_any() const noexcept;
  /// 169.254.0.0/16 and fe80::/10 (RFC 3927, RFC 4291), and the instance metadata address
  /// fd00:ec2::254.
  [[nodiscard]] bool is_link_local() const noexcept;
  bool operator==(const Ip&) const = default;
};

/// Dotted quad or RFC 4291 text, without brackets, port or zone; nothing else (no octal, no short
/// forms).
[[nodiscard]] std::optional<Ip> parse_ip(std::string_view text);

/// Where to listen. `host` is an IP literal without brackets, or "localhost".
struct Address {
  std::string host;
  std::uint16_t port = 0;

  /// `127.0.0.1:4545`, `[::1]:4545`
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const Address&) const = default;
};

/// `IP:port`, `[IPv6]:port` or `localhost:port`; port 0 asks for a free one.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

/// A range of addresses; a single address is a range of one.
struct Cidr {
  Ip base;
  unsigned prefix = 128;  // counted on the 128-bit form

  [[nodiscard]] bool contains(const Ip& ip) const noexcept;
  /// `ip`: 4 or 16 bytes in network order.
  [[nodiscard]] bool contains(std::span<const std::uint8_t> ip) const noexcept;
  [[nodiscard]] std::string text() const;
  bool operator==(const Cidr&) const = default;
};

/// `10.0.0.0/8`, `2001:db8::/32`, `10.1.2.3`. Bits beyond the prefix must be zero.
[[nodiscard]] std::optional<Cidr> parse_cidr(std::string_view text);

/// LDH labels of RFC 1123, and underscores, which container networks use.
[[nodiscard]] bool is_host_name(std::string_view text) noexcept;

}  // namespace sluice::config
