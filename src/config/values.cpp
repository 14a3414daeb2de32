// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "config/format.hpp"
#include "config/quantity.hpp"
#include "config/suggest.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kSecretBytesMax = 4096;

template <class T>
T& as(void* member) {
  return *static_cast<T*>(member);
}

bool is_word_of(std::string_view text, std::string_view more, bool upper) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z') ||
           more.find(c) != std::string_view::npos;
  });
}

bool is_route(std::string_view text) {
  return text.size() > 1 && text.front() == '/' && text.back() != '/' &&
         text.find("//") == std::string_view::npos && is_word_of(text, "/_-.", true) &&
         text.find("/.") == std::string_view::npos;
}

/// One value being read: the row, the node, and how to complain about it.
struct Reading {
  const Key& key;
  const Node& node;
  const std::string& path;
  Report& report;

  bool wrong(std::string_view expected, std::string suggestion = {}) const {
    return fail(fmt::format("must be {}, not {}", expected, shown(key, node)),
                std::move(suggestion));
  }
  bool fail(std::string_view what, std::string suggestion = {}) const {
    report.error(node.at, fmt::format("'{}' {}", path, what), std::move(suggestion));
    return false;
  }
};

bool read_bool(const Reading& in, bool& out) {
  const std::string& text = in.node.text;
  if (text == "true" || text == "false") {
    out = text == "true";
    return true;
  }
  static constexpr std::string_view kYes[] = {"yes", "Yes", "on", "On", "y", "True", "TRUE", "1"};
  static constexpr std::string_view kNo[] = {"no", "No", "off", "Off", "n", "False", "FALSE", "0"};
  const bool yes = std::find(std::begin(kYes), std::end(kYes), text) != std::end(kYes);
  const bool no = std::find(std::begin(kNo), std::end(kNo), text) != std::end(kNo);
  return in.wrong("true or false", yes ? "true" : no ? "false" : "");
}

std::string bounds_text(const Key& key) {
  std::string text = fmt::format("must be between {} and {}", key.min, key.max);
  if (!key.zero.empty()) text += fmt::format(", or {}", key.zero);
  return text;
}

bool read_quantity(const Reading& in, void* member) {
  const Key& key = in.key;
  double value = 0;
  if (key.zero.empty() || in.node.text != key.zero) {
    const std::string_view model = key.fallback == key.zero ? key.example : key.fallback;
    const auto parsed = parse_quantity(key.type, in.node.text, model);
    if (!parsed) {
      const QuantityError& error = parsed.error();
      const std::string hint = in.node.expanded ? std::string{} : error.suggestion;
      if (error.kind == QuantityError::kNoUnit) return in.fail("needs a unit", hint);
      if (error.kind == QuantityError::kUnknownUnit && !in.node.expanded) {
        return in.fail(fmt::format("has an unknown unit '{}'", printable(error.unit)), hint);
      }
      const bool minus = in.node.text.starts_with('-') && !in.node.expanded && !key.min.empty();
      if (minus) return in.fail(fmt::format("{}, not {}", bounds_text(key), shown(key, in.node)));
      std::string expected = describe_quantity(key.type, model);
      if (!key.zero.empty()) expected += fmt::format(", or '{}'", key.zero);
      return in.wrong(expected);
    }
    value = *parsed;
    const Bounds bounds = bounds_of(key);
    if (value < bounds.min || value > bounds.max) {
      return in.fail(fmt::format("{}, not {}", bounds_text(key), shown(key, in.node)));
    }
  }
  switch (key.field.stored) {
    case Stored::kCount:
      as<std::uint64_t>(member) = static_cast<std::uint64_t>(value);
      break;
    case Stored::kDuration:
      as<Duration>(member) = Duration(static_cast<Duration::rep>(std::llround(value)));
      break;
    default:
      as<double>(member) = value;
  }
  return true;
}

bool read_enum(const Reading& in, void* member) {
  const auto index = read_word(in.key, in.node, in.path, in.report);
  // Every enum of a row is an unsigned char; its object may be written as one.
  if (index) as<unsigned char>(member) = static_cast<unsigned char>(*index);
  return index.has_value();
}

bool read_text(const Reading& in, std::string& out) {
  const std::string& text = in.node.text;
  switch (in.key.type) {
    case Type::kName:
      if (!is_word_of(text, "._-", true) || text.size() > kNameBytesMax) {
        return in.wrong("at most 64 letters, digits, '.', '_' and '-'");
      }
      break;
    case Type::kSlug:
      if (!is_word_of(text, "_-", false) || text.size() > kNameBytesMax) {
        return in.wrong("at most 64 lower case letters, digits, '_' and '-'");
      }
      break;
    case Type::kRoute:
      if (!is_route(text)) return in.wrong("a path such as '/eth'");
      break;
    default:
      if (text.empty() || text.size() > 4096 || text.find('\0') != std::string::npos) {
        return in.wrong("the path of a file");
      }
      out = in.report.resolve(in.node.at.source, text);
      return true;
  }
  out = text;
  return true;
}

bool read_secret(const Reading& in, Secret& out) {
  const std::string& text = in.node.text;
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (text.empty() || text.size() > kSecretBytesMax || !visible) {
    return in.fail("must be 1 to 4096 visible ASCII characters");
  }
  if (text == kHidden) return in.fail("is '***', which stands for a value that was hidden");
  out = Secret(text);
  return true;
}

bool read_address(const Reading& in, Address& out) {
  const auto address = parse_address(in.node.text);
  if (!address) {
    const auto model = fmt::format("an IP address and port such as '{}'", in.key.fallback);
    const bool port_only = !in.node.expanded && !in.node.text.empty() && in.node.text.size() <= 6 &&
                           in.node.text.find_first_not_of(":0123456789") == std::string::npos;
    const std::string_view port =
        std::string_view(in.node.text).substr(in.node.text.rfind(':') + 1);
    return in.wrong(model, port_only && !port.empty() ? fmt::format("127.0.0.1:{}", port) : "");
  }
  out = *address;
  return true;
}

bool read_url(const Reading& in, void* member) {
  const auto url = parse_url(in.node.text);
  if (!url) {
    // What came out of the environment may be a bare key, whose first letters look like a scheme.
    if (in.node.expanded)
      return in.fail("does not expand to a URL such as 'http://127.0.0.1:8545'");
    return in.fail(url.error().message, url.error().suggestion);
  }
  if (url->path_and_query == hidden_path()) {
    return in.fail("has '***', which stands for a part that was hidden");
  }
  if (in.key.field.stored == Stored::kUrl) {
    as<Url>(member) = *url;
  } else {
    as<std::optional<Url>>(member) = *url;
  }
  return true;
}

bool dispatch(const Reading& in, void* member) {
  switch (in.key.type) {
    case Type::kBool:
      return read_bool(in, as<bool>(member));
    case Type::kCount:
    case Type::kNumber:
    case Type::kDuration:
    case Type::kSize:
    case Type::kPercent:
    case Type::kRate:
      return read_quantity(in, member);
    case Type::kWord:
      return read_enum(in, member);
    case Type::kName:
    case Type::kSlug:
    case Type::kRoute:
    case Type::kPath:
      return read_text(in, as<std::string>(member));
    case Type::kSecret:
      return read_secret(in, as<Secret>(member));
    case Type::kAddress:
      return read_address(in, as<Address>(member));
    case Type::kUrl:
      return read_url(in, member);
    default:
      return false;
  }
}

bool is_list(Type type) {
  return type == Type::kHosts || type == Type::kOrigins || type == Type::kMethods ||
         type == Type::kCidrs || type == Type::kWords;
}

/// The table's own short form of a value, `[a, b]` or a scalar, as a tree.
Node parse_fallback(std::string_view text) {
  if (text == "{}") return {.kind = Node::Kind::kMap};
  if (!text.starts_with('[')) return {.kind = Node::Kind::kScalar, .text = std::string(text)};
  Node list{.kind = Node::Kind::kList};
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const auto comma = text.find(", ");
    list.items.push_back({.kind = Node::Kind::kScalar, .text = std::string(text.substr(0, comma))});
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 2);
  }
  return list;
}

}  // namespace

std::string shown(const Key& key, const Node& node) {
  if (!node.is_scalar()) return std::string(node.kind_name());
  if (node.expanded) return "what it expands to";
  if (key.secret) return "this";
  return fmt::format("'{}'", printable(node.text));
}

std::optional<std::size_t> read_word(const Key& key, const Node& node, const std::string& path,
                                     Report& report) {
  std::vector<std::string_view> known;
  for (std::size_t i = 0; i < key.words.size(); ++i) {
    const Word& word = key.words[i];
    if (word.supported) known.push_back(word.text);
    if (word.text != node.text) continue;
    if (word.supported) return i;
    report.error(node.at, fmt::format("'{}' is '{}', which is not supported by this build", path,
                                      word.text));
    return std::nullopt;
  }
  const std::string hint = node.expanded ? std::string{} : nearest(node.text, known);
  report.error(node.at,
               fmt::format("'{}' must be {}{}, not {}", path, known.size() == 1 ? "" : "one of ",
                           fmt::join(known, ", "), shown(key, node)),
               hint);
  return std::nullopt;
}

bool read_value(const Key& key, const Node& node, const std::string& path, const Owner& owner,
                Report& report) {
  const Reading in{key, node, path, report};
  void* member = key.field.access(owner);
  if (key.type == Type::kHeaders) return read_headers(key, node, path, member, report);
  if (node.is_null()) return in.fail("has no value");
  if (is_list(key.type)) return read_list(key, node, path, member, report);
  if (!node.is_scalar())
    return in.fail(fmt::format("must be a single value, not {}", node.kind_name()));
  return dispatch(in, member);
}

void set_default(const Key& key, const Owner& owner) {
  if (key.fallback.empty()) return;
  Report none;
  none.add_source("default");
  read_value(key, parse_fallback(key.fallback), std::string(key.path), owner, none);
}

}  // namespace sluice::config
