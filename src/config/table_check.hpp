// SPDX-License-Identifier: Apache-2.0
// What every row of the table must be, asked while it is compiled.
#pragma once

#include <span>

#include "config/key.hpp"

namespace sluice::config {

/// Whether values of `type` can be kept in a member that is stored so.
[[nodiscard]] constexpr bool fits(Type type, Stored stored) {
  using enum Type;
  switch (type) {
    case kGroup:
    case kBlock:
    case kBlocks:
      return stored == Stored::kNothing;
    case kBool:
      return stored == Stored::kBool;
    case kCount:
    case kSize:
      return stored == Stored::kCount;
    case kNumber:
    case kPercent:
    case kRate:
      return stored == Stored::kDouble;
    case kDuration:
      return stored == Stored::kDuration;
    case kWord:
      return stored == Stored::kEnum;
    case kWords:
      return stored == Stored::kBits;
    case kName:
    case kSlug:
    case kRoute:
    case kPath:
      return stored == Stored::kText;
    case kSecret:
      return stored == Stored::kSecret;
    case kAddress:
      return stored == Stored::kAddress;
    case kUrl:
      return stored == Stored::kUrl || stored == Stored::kMaybeUrl;
    case kHosts:
    case kOrigins:
    case kMethods:
      return stored == Stored::kTexts;
    case kCidrs:
      return stored == Stored::kCidrs;
    case kHeaders:
      return stored == Stored::kHeaders;
  }
  return false;
}

/// A row's type is that of its member, and every row is explained.
[[nodiscard]] consteval bool sound(std::span<const Key> rows) {
  for (const Key& key : rows) {
    if (!fits(key.type, key.field.stored) || key.at == 0 || key.doc.empty()) return false;
    // Changes are looked for at top level, and told by name.
    if (key.reload == Reload::kRestart && (key.at != kRoot || key.secret)) return false;
    const bool of_words = key.type == Type::kWord || key.type == Type::kWords;
    if (of_words == key.words.empty()) return false;
  }
  return true;
}

}  // namespace sluice::config
