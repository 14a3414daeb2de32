// SPDX-License-Identifier: Apache-2.0
#include "http/head_lines.hpp"

#include <cstring>

#include "http/characters.hpp"
#include "http/scan.hpp"

namespace sluice::http {

HeadLines::Found HeadLines::next(std::string_view data, std::string_view& line) noexcept {
  const char* const base = data.data();
  const char* const end = base + data.size();
  const char* const stop = find_control(base + scanned_, end);
  scanned_ = static_cast<std::uint32_t>(stop - base);
  if (stop == end || (*stop == '\r' && stop + 1 == end)) return Found::kNeedMore;
  if (*stop != '\r' || stop[1] != '\n') return Found::kBadByte;
  line = std::string_view(base + begin_, scanned_ - begin_);
  begin_ = scanned_ = scanned_ + 2;
  return Found::kLine;
}

Reason bad_byte_reason(char byte) noexcept {
  return byte == '\r' || byte == '\n' ? Reason::kBadLineEnding : Reason::kControlByte;
}

Reason split_field_line(std::string_view line, const char* base, FieldSlot& slot,
                        bool& underscore) noexcept {
  if (is_ows(line.front())) return Reason::kObsFold;
  const char* const begin = line.data();
  const auto* const colon = static_cast<const char*>(std::memchr(begin, ':', line.size()));
  if (colon == nullptr || colon == begin) return Reason::kBadFieldName;
  const std::string_view name(begin, static_cast<std::size_t>(colon - begin));
  slot.id = find_field_id(name);
  underscore = false;
  // A known name is a token, and has no underscore.
  if (slot.id == FieldId::kOther) {
    unsigned seen = 0;
    for (const char c : name) {
      const unsigned bits = classes(c);
      if ((bits & kTokenChar) == 0) return Reason::kBadFieldName;
      seen |= bits;
    }
    underscore = (seen & kUnderscore) != 0;
  }
  const std::string_view value = trim_ows(line.substr(name.size() + 1));
  slot.name_at = static_cast<std::uint32_t>(begin - base);
  slot.name_size = static_cast<std::uint32_t>(name.size());
  slot.value_at = static_cast<std::uint32_t>(value.data() - base);
  slot.value_size = static_cast<std::uint32_t>(value.size());
  return Reason::kNone;
}

}  // namespace sluice::http
