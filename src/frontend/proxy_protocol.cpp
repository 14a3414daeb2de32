// SPDX-License-Identifier: Apache-2.0
#include "frontend/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>

namespace sluice::frontend {

namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kText = "PROXY ";
constexpr std::size_t kTextMax = 107;
constexpr std::size_t kBinaryHead = 16;
constexpr std::size_t kBinaryMax = 1024;

constexpr ProxyHeader kBad{ProxyHeader::Status::kBad, 0, std::nullopt};

bool starts_alike(std::string_view data, std::string_view whole) {
  const std::size_t size = std::min(data.size(), whole.size());
  return data.substr(0, size) == whole.substr(0, size);
}

bool valid_port(std::string_view text) {
  std::uint32_t port = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), port);
  return end.ec == std::errc{} && end.ptr == text.data() + text.size() && port <= 65535 &&
         (text.size() == 1 || text[0] != '0');
}

ProxyHeader parse_text(std::string_view data) {
  const auto end = data.substr(0, kTextMax).find("\r\n");
  if (end == std::string_view::npos) return data.size() >= kTextMax ? kBad : ProxyHeader{};
  std::string_view line = data.substr(kText.size(), end - kText.size());
  ProxyHeader header{ProxyHeader::Status::kDone, end + 2, std::nullopt};
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return header;
  std::array<std::string_view, 5> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto space = line.find(' ');
    if ((space == std::string_view::npos) != (i == words.size() - 1)) return kBad;
    words[i] = line.substr(0, space);
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  }
  const bool v4 = words[0] == "TCP4";
  if (!v4 && words[0] != "TCP6") return kBad;
  boost::system::error_code error;
  const auto source = ip::make_address(std::string(words[1]), error);
  if (error || source.is_v4() != v4) return kBad;
  const auto destination = ip::make_address(std::string(words[2]), error);
  if (error || destination.is_v4() != v4 || !valid_port(words[3]) || !valid_port(words[4]))
    return kBad;
  header.source = source;
  return header;
}

ProxyHeader parse_binary(std::string_view data) {
  if (data.size() < kBinaryHead) return {};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  const std::size_t length = static_cast<std::size_t>(byte(14)) << 8 | byte(15);
  const unsigned version = byte(12) >> 4;
  const unsigned command = byte(12) & 0xfU;
  if (version != 2 || command > 1 || length > kBinaryMax) return kBad;
  if (data.size() < kBinaryHead + length) return {};
  ProxyHeader header{ProxyHeader::Status::kDone, kBinaryHead + length, std::nullopt};
  if (command == 0) return header;
  const unsigned family = byte(13) >> 4;
  if (family == 1 && length >= 12) {
    ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), data.data() + kBinaryHead, bytes.size());
    header.source = ip::address_v4(bytes);
  } else if (family == 2 && length >= 36) {
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), data.data() + kBinaryHead, bytes.size());
    header.source = ip::address_v6(bytes);
  } else if (family == 1 || family == 2) {
    return kBad;
  }
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view data) {
  if (starts_alike(data, kSignature)) {
    return data.size() < kSignature.size() ? ProxyHeader{} : parse_binary(data);
  }
  if (!starts_alike(data, kText)) return kBad;
  return data.size() < kText.size() ? ProxyHeader{} : parse_text(data);
}

}  // namespace sluice::frontend
