// SPDX-License-Identifier: Apache-2.0
#include "config/url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "config/address.hpp"
#include "config/suggest.hpp"
#include "config/words.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kUrlBytesMax = 4096;

std::unexpected<UrlError> bad(std::string message, std::string suggestion = {}) {
  return std::unexpected(UrlError{std::move(message), std::move(suggestion)});
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::uint16_t default_port(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

std::optional<UrlError> check_scheme(const std::string& scheme) {
  std::vector<std::string_view> known;
  for (const Word& word : kSchemes) {
    if (word.text == scheme) {
      if (word.supported) return std::nullopt;
      return UrlError{
          fmt::format("has the scheme '{}', which is not supported by this build", scheme), {}};
    }
    if (word.supported) known.push_back(word.text);
  }
  // The scheme itself is not repeated: a key in the wrong place must not get into a log.
  return UrlError{"has an unknown scheme", nearest(scheme, known)};
}

/// A host whose last label is a number is an IPv4 address or nothing: resolvers read `2852039166`
/// and `0x7f.1` as addresses, which would walk around every check made on literals (WHATWG URL,
/// "ends in a number").
bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.size() >= 2 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X')) return true;
  return !last.empty() &&
         std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<UrlError> split_authority(std::string_view text, Url& url) {
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    url.userinfo = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return UrlError{"has a '[' without ']' in its host", {}};
    url.host = lower(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    has_port = !text.empty();
    if (has_port && text.front() != ':') return UrlError{"has text between host and port", {}};
    port = has_port ? text.substr(1) : text;
    if (url.host.find(':') == std::string::npos || !parse_ip(url.host)) {
      return UrlError{"has a host that is not an IPv6 address in brackets", {}};
    }
  } else {
    const auto colon = text.find(':');
    has_port = colon != std::string_view::npos;
    url.host = lower(text.substr(0, colon));
    if (has_port) port = text.substr(colon + 1);
    if (url.host.empty()) return UrlError{"has no host", {}};
    const bool fits =
        ends_in_number(url.host) ? parse_ip(url.host).has_value() : is_host_name(url.host);
    if (!fits) return UrlError{"has a host that is neither a name nor an IP address", {}};
  }
  url.port = default_port(url.scheme);
  if (!has_port) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size() || value == 0 ||
      value > 65535) {
    return UrlError{"has a port that is not between 1 and 65535", {}};
  }
  url.port = static_cast<std::uint16_t>(value);
  return std::nullopt;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

std::string Url::redacted() const {
  return fmt::format("{}://{}:{}", scheme, bracketed(host), port);
}

std::string Url::authority() const {
  if (port == default_port(scheme)) return bracketed(host);
  return fmt::format("{}:{}", bracketed(host), port);
}

std::expected<Url, UrlError> parse_url(std::string_view text) {
  if (text.size() > kUrlBytesMax) return bad("is longer than 4096 bytes");
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) return bad("holds a space, a control character or a byte beyond ASCII");
  const auto mark = text.find("://");
  if (mark == std::string_view::npos) {
    // Only a bare host and port may be repeated: it cannot hold a key.
    const auto address = parse_address(text);
    return bad("is not a URL such as 'http://127.0.0.1:8545'",
               address ? fmt::format("http://{}", text) : std::string{});
  }
  Url url;
  url.scheme = lower(text.substr(0, mark));
  if (auto error = check_scheme(url.scheme)) return std::unexpected(*std::move(error));
  text.remove_prefix(mark + 3);
  if (text.find('#') != std::string_view::npos) return bad("has a '#' part, which is never sent");
  const auto tail = text.find_first_of("/?");
  if (auto error = split_authority(text.substr(0, tail), url)) {
    return std::unexpected(*std::move(error));
  }
  if (tail == std::string_view::npos) {
    url.path_and_query = "/";
  } else if (text[tail] == '?') {
    url.path_and_query = "/" + std::string(text.substr(tail));
  } else {
    url.path_and_query = text.substr(tail);
  }
  return url;
}

}  // namespace sluice::config
