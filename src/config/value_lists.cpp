// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/quantity.hpp"
#include "config/values.hpp"

namespace sluice::config {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// `scheme://host[:port]`, as a browser sends it (RFC 6454 6.2), or `*`.
std::optional<std::string> as_origin(std::string_view text) {
  if (text == "*") return std::string(text);
  const std::string folded = lower(text);
  std::string_view rest = folded;
  const auto mark = rest.find("://");
  if (mark == std::string_view::npos || mark == 0 || !is_token(rest.substr(0, mark)))
    return std::nullopt;
  rest.remove_prefix(mark + 3);
  const auto colon = rest.find(':', rest.starts_with('[') ? rest.find(']') : 0);
  std::string_view host = rest.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view port = rest.substr(colon + 1);
    const bool digits = port.find_first_not_of("0123456789") == std::string_view::npos;
    if (port.empty() || port.size() > 5 || !digits) return std::nullopt;
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    return parse_ip(host.substr(1, host.size() - 2)) ? std::optional(folded) : std::nullopt;
  }
  return is_host_name(host) ? std::optional(folded) : std::nullopt;
}

bool is_method_pattern(std::string_view text) {
  const std::string_view name = text.ends_with('*') ? text.substr(0, text.size() - 1) : text;
  return !text.empty() && text.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

std::string_view item_description(Type type) {
  switch (type) {
    case Type::kHosts:
      return "a host name such as 'rpc.example', without port";
    case Type::kOrigins:
      return "an origin such as 'https://app.example', or '*'";
    case Type::kMethods:
      return "a method such as 'eth_call', or a prefix such as 'debug_*'";
    default:
      return "an address range such as '10.0.0.0/8'";
  }
}

/// One item into the list; false where it is not of the kind.
bool append(Type type, const std::string& text, void* member) {
  if (type == Type::kCidrs) {
    const auto cidr = parse_cidr(text);
    if (cidr) static_cast<std::vector<Cidr>*>(member)->push_back(*cidr);
    return cidr.has_value();
  }
  auto& list = *static_cast<std::vector<std::string>*>(member);
  if (type == Type::kOrigins) {
    const auto origin = as_origin(text);
    if (origin) list.push_back(*origin);
    return origin.has_value();
  }
  const bool hosts = type == Type::kHosts;
  if (hosts ? !is_host_name(text) : !is_method_pattern(text)) return false;
  list.push_back(hosts ? lower(text) : text);
  return true;
}

void clear(Stored stored, void* member) {
  if (stored == Stored::kCidrs) static_cast<std::vector<Cidr>*>(member)->clear();
  if (stored == Stored::kTexts) static_cast<std::vector<std::string>*>(member)->clear();
  if (stored == Stored::kBits) *static_cast<Permissions*>(member) = {};
}

/// What Sluice writes itself, and what would change the framing of a request (RFC 9110 7.6.1, 8.6).
bool is_reserved_header(std::string_view name) {
  static constexpr std::array<std::string_view, 13> kReserved{"host",
                                                              "content-length",
                                                              "content-type",
                                                              "transfer-encoding",
                                                              "connection",
                                                              "upgrade",
                                                              "te",
                                                              "trailer",
                                                              "keep-alive",
                                                              "proxy-connection",
                                                              "expect",
                                                              "accept-encoding",
                                                              "content-encoding"};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

std::string_view header_fault(const std::string& name, const Node& value) {
  if (!is_token(name)) return "is not the name of a header field";
  if (is_reserved_header(name)) return "is a header field that Sluice sets itself";
  if (value.is_null()) return "has no value";
  if (!value.is_scalar()) return "must be a single value";
  if (value.text == kHidden) return "is '***', which stands for a value that was hidden";
  const bool printable_text = std::all_of(value.text.begin(), value.text.end(), [](char c) {
    return (c >= 0x20 && c < 0x7f) || c == '\t';
  });
  if (!printable_text || value.text.size() > 4096)
    return "must be at most 4096 printable ASCII characters";
  return {};
}

}  // namespace

bool read_list(const Key& key, const Node& node, const std::string& path, void* member,
               Report& report) {
  if (!node.is_list()) {
    const bool plain = node.is_scalar() && !node.expanded;
    report.error(node.at, fmt::format("'{}' must be a list, not {}", path, node.kind_name()),
                 plain ? fmt::format("[{}]", printable(node.text)) : "");
    return false;
  }
  if (!key.max.empty() && static_cast<double>(node.items.size()) > bounds_of(key).max) {
    report.error(node.at, fmt::format("'{}' has more than {} items", path, key.max));
    return false;
  }
  clear(key.field.stored, member);
  bool good = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    const std::string where = fmt::format("{}[{}]", path, i);
    if (key.type == Type::kWords && item.is_scalar()) {
      const auto index = read_word(key, item, where, report);
      if (index) static_cast<Permissions*>(member)->bits |= 1U << *index;
      good = good && index;
    } else if (!item.is_scalar() || !append(key.type, item.text, member)) {
      report.error(item.at,
                   fmt::format("'{}' must be {}, not {}", where,
                               key.type == Type::kWords ? "a word" : item_description(key.type),
                               shown(key, item)));
      good = false;
    }
  }
  return good;
}

bool read_headers(const Key& key, const Node& node, const std::string& path, void* member,
                  Report& report) {
  auto& headers = *static_cast<std::vector<Header>*>(member);
  headers.clear();
  if (node.is_null()) return true;
  if (!node.is_map()) {
    report.error(node.at, fmt::format("'{}' must be a map of names and values, not {}", path,
                                      node.kind_name()));
    return false;
  }
  if (static_cast<double>(node.entries.size()) > bounds_of(key).max) {
    report.error(node.at, fmt::format("'{}' has more than {} fields", path, key.max));
    return false;
  }
  bool good = true;
  for (const Entry& entry : node.entries) {
    const std::string name = lower(entry.key);
    std::string_view fault = header_fault(name, entry.value);
    const bool twice = std::any_of(headers.begin(), headers.end(),
                                   [&](const Header& header) { return header.name == name; });
    if (fault.empty() && twice) fault = "is there twice; case does not count";
    if (!fault.empty()) {
      report.error(entry.at, fmt::format("'{}.{}' {}", path, printable(entry.key), fault));
      good = false;
      continue;
    }
    headers.push_back({name, Secret(entry.value.text)});
  }
  return good;
}

}  // namespace sluice::config
