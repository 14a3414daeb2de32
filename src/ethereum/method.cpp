// SPDX-License-Identifier: Apache-2.0
#include "ethereum/method.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "ethereum/method_rows.hpp"

namespace sluice::ethereum {
namespace {

using rows::kRows;
using rows::Row;

constexpr std::size_t kCount = std::size(kRows);

constexpr auto kMethods = [] {
  std::array<Method, kCount> methods{};
  for (std::size_t i = 0; i < kCount; ++i) {
    const Row& row = kRows[i];
    methods[i] = {row.name,
                  static_cast<std::uint16_t>(i),
                  row.kind,
                  row.resend,
                  row.block,
                  row.cache,
                  static_cast<CostClass>(row.cost),
                  row.weight,
                  row.exposure,
                  row.null_meaning,
                  row.klass,
                  row.local};
  }
  return methods;
}();

// An open-addressing table over the names, built by the compiler. The key is made of the length and
// of the first and the last eight bytes, where the names differ; every name has at least eight, so
// a shorter one is unknown at once.
constexpr std::size_t kMinName = 8;
constexpr std::size_t kSlots = 1024;
constexpr std::uint16_t kFree = 0xffff;
static_assert(kCount * 2 < kSlots);

constexpr std::uint64_t load8(const char* p) noexcept {
  std::uint64_t value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    if (!std::is_constant_evaluated()) {
      std::memcpy(&value, p, sizeof value);
      return value;
    }
  }
  for (unsigned i = 0; i < 8; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(p[i])) << (8 * i);
  }
  return value;
}

constexpr std::size_t slot_of(std::string_view name) noexcept {
  const std::uint64_t head = load8(name.data());
  const std::uint64_t tail = load8(name.data() + name.size() - kMinName);
  const std::uint64_t mixed = (head ^ std::rotl(tail, 23) ^ name.size()) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::size_t>(mixed >> 54);
}
static_assert(kSlots == std::size_t{1} << (64 - 54));

constexpr auto kSlotTable = [] {
  std::array<std::uint16_t, kSlots> slots{};
  slots.fill(kFree);
  for (std::size_t i = 0; i + 1 < kCount; ++i) {
    std::size_t slot = slot_of(kRows[i].name);
    while (slots[slot] != kFree) slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<std::uint16_t>(i);
  }
  return slots;
}();

/// The longest run of taken slots bounds every search, whatever name a stranger picks.
constexpr std::size_t longest_run() {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (std::size_t i = 0; i < 2 * kSlots; ++i) {
    run = kSlotTable[i % kSlots] == kFree ? 0 : run + 1;
    longest = std::max(longest, run);
  }
  return longest;
}
static_assert(longest_run() <= 16);

}  // namespace

std::string_view word(MethodClass klass) noexcept {
  static constexpr std::array<std::string_view, kMethodClasses> kWords = {
      "cheap_read", "state_read", "call",   "logs",         "block",
      "trace",      "write",      "filter", "subscription", "other"};
  return kWords[static_cast<std::size_t>(klass)];
}

std::span<const Method> methods() noexcept {
  return kMethods;
}

const Method& other_method() noexcept {
  return kMethods.back();
}

const Method& find(std::string_view name) noexcept {
  if (name.size() < kMinName) return kMethods.back();
  for (std::size_t slot = slot_of(name); kSlotTable[slot] != kFree; slot = (slot + 1) % kSlots) {
    const Method& method = kMethods[kSlotTable[slot]];
    if (method.name == name) return method;
  }
  return kMethods.back();
}

}  // namespace sluice::ethereum
