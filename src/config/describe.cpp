// SPDX-License-Identifier: Apache-2.0
#include "config/describe.hpp"

#include <fmt/format.h>

namespace sluice::config {

std::string describe_type(const Key& key) {
  switch (key.type) {
    case Type::kGroup:
    case Type::kBlock:
      return "section";
    case Type::kBlocks:
      return "list of sections";
    case Type::kBool:
      return "`true`, `false`";
    case Type::kCount:
      return "whole number";
    case Type::kNumber:
      return "number";
    case Type::kDuration:
      return "duration";
    case Type::kSize:
      return "size";
    case Type::kPercent:
      return "percentage";
    case Type::kRate:
      return "rate";
    case Type::kWord:
    case Type::kWords: {
      std::string out = key.type == Type::kWords ? "list of " : "";
      for (const Word& word : key.words) {
        if (word.supported) out += fmt::format("{}`{}`", out.ends_with('`') ? ", " : "", word.text);
      }
      return out;
    }
    case Type::kName:
    case Type::kSlug:
      return "name";
    case Type::kRoute:
      return "path of a URL";
    case Type::kPath:
      return "path of a file";
    case Type::kSecret:
      return "text";
    case Type::kAddress:
      return "address";
    case Type::kUrl:
      return "URL";
    case Type::kHosts:
      return "list of host names";
    case Type::kOrigins:
      return "list of origins";
    case Type::kMethods:
      return "list of methods";
    case Type::kCidrs:
      return "list of address ranges";
    case Type::kHeaders:
      return "map of texts";
  }
  return {};
}

std::string describe_bounds(const Key& key) {
  const bool counted = key.field.stored == Stored::kCount || key.field.stored == Stored::kDouble ||
                       key.field.stored == Stored::kDuration;
  if (key.max.empty()) return {};
  if (!counted) return fmt::format("at most {} items", key.max);
  std::string out = fmt::format("{} to {}", key.min, key.max);
  if (!key.zero.empty()) out += fmt::format(", or `{}`", key.zero);
  return out;
}

std::string_view sample_text(const Key& key) {
  return key.example.empty() ? key.fallback : key.example;
}

}  // namespace sluice::config
