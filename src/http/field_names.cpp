// SPDX-License-Identifier: Apache-2.0
#include "http/field_names.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace sluice::http {
namespace {

struct Row {
  FieldId id;
  std::string_view name;
  Repeat repeat;
};

constexpr auto kRows = std::to_array<Row>({
    {FieldId::kOther, "", Repeat::kFirst},
    {FieldId::kHost, "host", Repeat::kReject},
    {FieldId::kContentLength, "content-length", Repeat::kReject},
    {FieldId::kTransferEncoding, "transfer-encoding", Repeat::kReject},
    {FieldId::kConnection, "connection", Repeat::kLast},
    {FieldId::kUpgrade, "upgrade", Repeat::kLast},
    {FieldId::kExpect, "expect", Repeat::kLast},
    {FieldId::kContentType, "content-type", Repeat::kReject},
    {FieldId::kContentEncoding, "content-encoding", Repeat::kReject},
    {FieldId::kAuthorization, "authorization", Repeat::kReject},
    {FieldId::kApiKey, "x-api-key", Repeat::kReject},
    {FieldId::kOrigin, "origin", Repeat::kReject},
    {FieldId::kRequestId, "x-request-id", Repeat::kFirst},
    {FieldId::kForwardedFor, "x-forwarded-for", Repeat::kLast},
    {FieldId::kPriority, "x-sluice-priority", Repeat::kReject},
    {FieldId::kTimeout, "x-sluice-timeout", Repeat::kReject},
    {FieldId::kAffinity, "x-sluice-affinity", Repeat::kReject},
    {FieldId::kUseUpstream, "x-sluice-use-upstream", Repeat::kReject},
    {FieldId::kDebug, "x-sluice-debug", Repeat::kReject},
    {FieldId::kWsKey, "sec-websocket-key", Repeat::kReject},
    {FieldId::kWsVersion, "sec-websocket-version", Repeat::kReject},
    {FieldId::kWsProtocol, "sec-websocket-protocol", Repeat::kFirst},
    {FieldId::kAccessControlRequestMethod, "access-control-request-method", Repeat::kReject},
    {FieldId::kTraceparent, "traceparent", Repeat::kFirst},
    {FieldId::kRetryAfter, "retry-after", Repeat::kFirst},
    {FieldId::kLocation, "location", Repeat::kFirst},
    {FieldId::kKeepAlive, "keep-alive", Repeat::kFirst},
});

constexpr std::size_t kSlots = 128;
constexpr std::size_t kNameBytesMin = 4;

/// Setting bit 5 folds the case of letters. It is exact for what we look up: in a token, only
/// letters, `^` and `_` (which turn into `~` and DEL) change, and no known name holds those.
constexpr unsigned folded(char c) noexcept {
  return static_cast<unsigned char>(c) | 0x20U;
}

constexpr std::size_t hash(std::string_view name, unsigned multiplier) noexcept {
  const unsigned mixed = folded(name[0]) + 3 * folded(name[name.size() - 4]) +
                         7 * folded(name[name.size() - 1]) +
                         19 * static_cast<unsigned>(name.size());
  return (mixed * multiplier >> 9) % kSlots;
}

struct HashTable {
  unsigned multiplier = 0;
  std::array<FieldId, kSlots> ids{};
};

/// Finds a multiplier for which no two known names share a slot; multiplier 0 means that none was
/// found.
consteval HashTable make_hash_table() {
  for (unsigned multiplier = 1; multiplier < 4001; multiplier += 2) {
    HashTable table{multiplier, {}};
    bool clash = false;
    for (std::size_t row = 1; row < kRows.size() && !clash; ++row) {
      FieldId& slot = table.ids[hash(kRows[row].name, multiplier)];
      clash = slot != FieldId::kOther;
      slot = kRows[row].id;
    }
    if (!clash) return table;
  }
  return {};
}

constexpr HashTable kTable = make_hash_table();
static_assert(kTable.multiplier != 0, "the known names need another hash");

constexpr bool rows_match_enum() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].id) != i) return false;
  }
  return true;
}
static_assert(rows_match_enum(), "the rows stand in the order of the enum");

template <class Word>
Word folded_difference(const char* name, const char* lower) noexcept {
  Word a = 0;
  Word b = 0;
  std::memcpy(&a, name, sizeof a);
  std::memcpy(&b, lower, sizeof b);
  return (a | static_cast<Word>(0x2020202020202020U)) ^ b;
}

/// Both of one size, at least kNameBytesMin. In whole words, the last one overlapping.
bool equals_folded(std::string_view name, std::string_view lower) noexcept {
  const char* const a = name.data();
  const char* const b = lower.data();
  const std::size_t size = lower.size();
  if (size < 8) {
    return (folded_difference<std::uint32_t>(a, b) |
            folded_difference<std::uint32_t>(a + size - 4, b + size - 4)) == 0;
  }
  std::uint64_t difference = folded_difference<std::uint64_t>(a + size - 8, b + size - 8);
  for (std::size_t at = 0; at + 8 < size; at += 8) {
    difference |= folded_difference<std::uint64_t>(a + at, b + at);
  }
  return difference == 0;
}

}  // namespace

FieldId find_field_id(std::string_view name) noexcept {
  if (name.size() < kNameBytesMin) return FieldId::kOther;
  const FieldId id = kTable.ids[hash(name, kTable.multiplier)];
  const std::string_view known = kRows[static_cast<std::size_t>(id)].name;
  return known.size() == name.size() && equals_folded(name, known) ? id : FieldId::kOther;
}

Repeat repeat_rule(FieldId id) noexcept {
  return kRows[static_cast<std::size_t>(id)].repeat;
}

}  // namespace sluice::http
