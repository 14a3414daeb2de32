// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

/// A place in one of the sources that are read together; `source` is an index into the Report. Line
/// 0: the source as a whole, else counted from 1 like the column.
struct Position {
  std::size_t source = 0;
  int line = 0;
  int column = 0;
};

struct Entry;

/// A parsed document, before it means anything: what files are overlaid, expanded and checked as.
/// Aliases are already replaced by copies. A plain value.
struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  Position at;
  std::string text;
  /// Holds text of the environment or of a file, which no message may repeat.
  bool expanded = false;
  /// Its expansion failed and was complained about: there is nothing to judge.
  bool failed = false;
  /// Not to be expanded: it was given on the command line.
  bool verbatim = false;
  std::vector<Node> items;
  std::vector<Entry> entries;

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_list() const { return kind == Kind::kList; }
  [[nodiscard]] bool is_map() const { return kind == Kind::kMap; }
  /// The entry of that key of a map, or null.
  [[nodiscard]] const Entry* find(std::string_view key) const;
  [[nodiscard]] Entry* find(std::string_view key);
  /// "a list", "a map", …
  [[nodiscard]] std::string_view kind_name() const;
};

struct Entry {
  std::string key;
  Position at;
  Node value;
};

inline const Entry* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

inline Entry* Node::find(std::string_view key) {
  for (Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

inline std::string_view Node::kind_name() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "a single value";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "nothing";
}

}  // namespace sluice::config
