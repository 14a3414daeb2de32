// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

/// Edits (insert, delete, replace, swap of neighbours) that make `b` of `a`: optimal string
/// alignment distance. Case, and '-' against '_', count nothing.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that was probably meant, or nothing: the nearest, within an edit for every three
/// letters and at most 3; else one that the word begins with, before a '_'. Of equal ones the
/// first.
[[nodiscard]] std::string nearest(std::string_view word,
                                  std::span<const std::string_view> candidates);

}  // namespace sluice::config
