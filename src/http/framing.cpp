// SPDX-License-Identifier: Apache-2.0
#include "http/framing.hpp"

#include <limits>

#include "http/characters.hpp"

namespace sluice::http {
namespace {

/// 1*DIGIT without leading zeros that fits 64 bits.
bool parse_length(std::string_view digits, std::uint64_t& length) noexcept {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return false;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is(kDigit, c)) return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return false;
    value = value * 10 + digit;
  }
  length = value;
  return true;
}

/// A list of codings that are tokens and end in `chunked`, which occurs only there, is legal though
/// more than we do; any other list leaves the length of the body unknown.
bool is_legal_coding_list(std::string_view value) noexcept {
  std::string_view item;
  bool last_was_chunked = false;
  while (take_item(value, item)) {
    if (last_was_chunked || !is_token(item)) return false;
    last_was_chunked = iequals(item, "chunked");
  }
  return last_was_chunked;
}

}  // namespace

Reason Framing::add_content_length(std::string_view value) noexcept {
  if (has_coding_) return Reason::kLengthAndCoding;
  if (has_length_ || !parse_length(value, content_length_)) return Reason::kBadContentLength;
  has_length_ = true;
  return Reason::kNone;
}

Reason Framing::add_transfer_encoding(std::string_view value, int minor) noexcept {
  if (has_length_) return Reason::kLengthAndCoding;
  if (has_coding_ || minor == 0) return Reason::kBadTransferEncoding;
  has_coding_ = iequals(value, "chunked");
  if (has_coding_) return Reason::kNone;
  return is_legal_coding_list(value) ? Reason::kUnsupportedTransferEncoding
                                     : Reason::kBadTransferEncoding;
}

Reason Framing::add_connection(std::string_view value) noexcept {
  std::string_view option;
  while (take_item(value, option)) {
    if (option.empty()) continue;
    if (!is_token(option)) return Reason::kBadConnection;
    if (iequals(option, "close")) {
      close_ = true;
    } else if (iequals(option, "keep-alive")) {
      keep_alive_ = true;
    } else if (iequals(option, "upgrade")) {
      connection_upgrade_ = true;
    } else if (iequals(option, "content-length") || iequals(option, "transfer-encoding") ||
               iequals(option, "host")) {
      // Nominating these as hop-by-hop asks a proxy to drop what frames and routes the message.
      return Reason::kBadConnection;
    }
  }
  return Reason::kNone;
}

void Framing::add_upgrade(std::string_view value) noexcept {
  std::string_view protocol;
  while (take_item(value, protocol)) websocket_ = websocket_ || iequals(protocol, "websocket");
}

}  // namespace sluice::http
