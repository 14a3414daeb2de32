// SPDX-License-Identifier: Apache-2.0
#include "config/format.hpp"

#include <fmt/format.h>

#include "config/quantity.hpp"
#include "config/quote.hpp"

namespace sluice::config {
namespace {

template <class T>
const T& as(const void* member) {
  return *static_cast<const T*>(member);
}

template <class List, class Text>
std::string list_of(const List& list, Text text) {
  std::string out = "[";
  for (const auto& item : list) {
    if (out.size() > 1) out += ", ";
    out += text(item);
  }
  return out + "]";
}

std::string scalar(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '$' ? 2 : 1, c);
  return yaml_scalar(doubled);
}

/// Scheme, host and port; that there is more is shown, not what.
std::string hidden_url(const Url& url) {
  const bool more = url.path_and_query != "/" || !url.userinfo.empty();
  return yaml_scalar(more ? url.redacted() + std::string(hidden_path()) : url.redacted());
}

std::string headers_text(const std::vector<Header>& headers) {
  std::string out = "{";
  for (const Header& header : headers) {
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}: {}", yaml_scalar(header.name), yaml_scalar(kHidden));
  }
  return out + "}";
}

std::string number_text(const Key& key, double value) {
  if (value == 0 && !key.zero.empty()) return std::string(key.zero);
  return format_quantity(key.type, value);
}

std::string words_text(const Key& key, Permissions set) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < key.words.size(); ++i) {
    if ((set.bits >> i & 1U) != 0) words.push_back(key.words[i].text);
  }
  return fmt::format("[{}]", fmt::join(words, ", "));
}

}  // namespace

std::string_view hidden_path() {
  return "/***";
}

std::string format_value(const Key& key, const void* member) {
  switch (key.field.stored) {
    case Stored::kBool:
      return as<bool>(member) ? "true" : "false";
    case Stored::kCount:
      return number_text(key, static_cast<double>(as<std::uint64_t>(member)));
    case Stored::kDuration:
      return number_text(key, static_cast<double>(as<Duration>(member).count()));
    case Stored::kDouble:
      return number_text(key, as<double>(member));
    case Stored::kEnum:
      return std::string(key.words[as<unsigned char>(member)].text);
    case Stored::kBits:
      return words_text(key, as<Permissions>(member));
    case Stored::kText:
      return scalar(as<std::string>(member));
    case Stored::kTexts:
      return list_of(as<std::vector<std::string>>(member), scalar);
    case Stored::kSecret:
      return yaml_scalar(kHidden);
    case Stored::kAddress:
      return yaml_scalar(as<Address>(member).text());
    case Stored::kUrl:
      return hidden_url(as<Url>(member));
    case Stored::kMaybeUrl:
      return as<std::optional<Url>>(member) ? hidden_url(*as<std::optional<Url>>(member)) : "";
    case Stored::kCidrs:
      return list_of(as<std::vector<Cidr>>(member),
                     [](const Cidr& cidr) { return scalar(cidr.text()); });
    case Stored::kHeaders:
      return headers_text(as<std::vector<Header>>(member));
    case Stored::kNothing:
      break;
  }
  return {};
}

bool is_unset(const Key& key, const void* member) {
  if (!key.fallback.empty()) return false;
  switch (key.field.stored) {
    case Stored::kText:
      return as<std::string>(member).empty();
    case Stored::kCount:
      return as<std::uint64_t>(member) == 0;
    case Stored::kMaybeUrl:
      return !as<std::optional<Url>>(member);
    default:
      return false;
  }
}

}  // namespace sluice::config
