// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/characters.hpp"
#include "http/field_names.hpp"

namespace sluice::http {

/// One field line: the name as sent, the value without the whitespace around it. Views into the
/// caller's buffer.
struct Field {
  std::string_view name;
  std::string_view value;
};

/// Where a field line lies, counted from the first byte of the message: survives a buffer that
/// moves.
struct FieldSlot {
  std::uint32_t name_at = 0;
  std::uint32_t name_size = 0;
  std::uint32_t value_at = 0;
  std::uint32_t value_size = 0;
  FieldId id = FieldId::kOther;
};

/// The fields of a head in the order received; makes each Field on demand. Valid as long as the
/// parser that gave it is not reset and the buffer of the last parse call stands still.
class FieldList {
 public:
  class Iterator {
   public:
    Iterator(const FieldSlot* slot, const char* base) noexcept : slot_(slot), base_(base) {}
    Field operator*() const noexcept { return field(*slot_, base_); }
    Iterator& operator++() noexcept {
      ++slot_;
      return *this;
    }
    bool operator==(const Iterator& other) const noexcept { return slot_ == other.slot_; }

   private:
    const FieldSlot* slot_;
    const char* base_;
  };

  FieldList() = default;
  FieldList(std::span<const FieldSlot> slots, const char* base) noexcept
      : slots_(slots), base_(base) {}

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }
  [[nodiscard]] Field operator[](std::size_t index) const noexcept {
    return field(slots_[index], base_);
  }
  [[nodiscard]] Iterator begin() const noexcept { return {slots_.data(), base_}; }
  [[nodiscard]] Iterator end() const noexcept { return {slots_.data() + slots_.size(), base_}; }

  /// The value of the first field of that name (case ignored); a view with a null data() when there
  /// is none.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept {
    for (const Field field : *this) {
      if (iequals(field.name, name)) return field.value;
    }
    return {};
  }

 private:
  static Field field(const FieldSlot& slot, const char* base) noexcept {
    return {{base + slot.name_at, slot.name_size}, {base + slot.value_at, slot.value_size}};
  }

  std::span<const FieldSlot> slots_;
  const char* base_ = nullptr;
};

}  // namespace sluice::http
