// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// How far a part that finds things out may go: not at all, only tell what it found, or see to it.
enum class Stance : std::uint8_t { kOff, kObserve, kAct };

inline constexpr std::array<std::string_view, 3> kStanceWords = {"off", "observe", "act"};

[[nodiscard]] constexpr std::string_view word(Stance stance) noexcept {
  return kStanceWords[static_cast<std::size_t>(stance)];
}

}  // namespace sluice
