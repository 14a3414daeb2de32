// SPDX-License-Identifier: Apache-2.0
#include "jsonrpc/envelope_key.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include "jsonrpc/unescape.hpp"

namespace sluice::jsonrpc {
namespace {

constexpr std::size_t kLongestKey = std::string_view("jsonrpc").size();

/// Equal sizes are known: a comparison of a constant number of bytes needs no call.
template <std::size_t N>
bool same(std::string_view key, const char (&word)[N]) noexcept {
  return std::memcmp(key.data(), word, N - 1) == 0;
}

EnvelopeKey exact_key(std::string_view key) noexcept {
  switch (key.size()) {
    case 2:
      return same(key, "id") ? EnvelopeKey::kId : EnvelopeKey::kOther;
    case 6:
      if (same(key, "method")) return EnvelopeKey::kMethod;
      return same(key, "params") ? EnvelopeKey::kParams : EnvelopeKey::kOther;
    case 7:
      return same(key, "jsonrpc") ? EnvelopeKey::kVersion : EnvelopeKey::kOther;
    default:
      return EnvelopeKey::kOther;
  }
}

/// A key with escapes, of other case, or of no meaning. Gives up at the first character that no key
/// can have.
KeyMatch folded_key(std::string_view raw) noexcept {
  std::array<char, kLongestKey> folded{};
  std::size_t size = 0;
  bool exact = true;
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p != end) {
    char32_t c = next_code_point(p, end);
    if (c == 0) {
      exact = false;
      break;
    }
    const bool upper = c >= U'A' && c <= U'Z';
    if (upper) c += U'a' - U'A';
    if (c == 0x17f) c = U's', exact = false;
    if (upper) exact = false;
    if (c >= 0x80 || size == kLongestKey) return {};
    folded[size++] = static_cast<char>(c);
  }
  const EnvelopeKey key = exact_key({folded.data(), size});
  return {key, exact || key == EnvelopeKey::kOther};
}

}  // namespace

KeyMatch match_key(std::string_view raw) noexcept {
  const EnvelopeKey key = exact_key(raw);
  return key != EnvelopeKey::kOther ? KeyMatch{key, true} : folded_key(raw);
}

}  // namespace sluice::jsonrpc
