// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::jsonrpc {

enum class EnvelopeKey : std::uint8_t { kVersion, kId, kMethod, kParams, kOther };

/// `exact` is false for a look-alike: text that a lenient reader would take for the key.
struct KeyMatch {
  EnvelopeKey key = EnvelopeKey::kOther;
  bool exact = true;
};

/// Which member of a request a raw key names. Escapes are decoded. Look-alikes are keys that are
/// equal after case folding as Go's encoding/json does it (geth: ASCII, and U+017F for s), or up to
/// a NUL, where a C string ends. Go also folds U+212A to k, but no envelope key has a k.
[[nodiscard]] KeyMatch match_key(std::string_view raw) noexcept;

}  // namespace sluice::jsonrpc
