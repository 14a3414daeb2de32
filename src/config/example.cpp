// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "config/describe.hpp"
#include "config/load.hpp"
#include "config/shape.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kLineMax = 100;

constexpr std::string_view kHead =
    R"(# Sluice: every key with its default or an example. Printed by `sluice config example`.
# Only `upstreams` is needed; what is left out keeps its default. `sluice check -c FILE` tells what is wrong.
)";

std::string comment(std::string_view text, std::size_t indent) {
  std::string out;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) out += fmt::format("{:{}}#{}\n", "", indent, line);
    line.clear();
  };
  while (!text.empty()) {
    const auto space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (indent + line.size() + word.size() + 2 > kLineMax) flush();
    line += ' ';
    line += word;
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  flush();
  return out;
}

std::string about(const Key& key) {
  std::string out(key.doc);
  if (key.type == Type::kWord || key.type == Type::kWords) {
    out += fmt::format(" ({})", describe_type(key));
  } else if (key.field.stored != Stored::kTexts && key.type != Type::kBlocks) {
    if (const std::string bounds = describe_bounds(key); !bounds.empty()) {
      out += fmt::format(" ({})", bounds);
    }
  }
  if (key.reload == Reload::kRestart) out += " Needs a restart.";
  std::erase(out, '`');
  return out;
}

/// Turns lines into comments, so that what they say can be had by taking the '#' away.
std::string commented(const std::string& text, std::size_t indent) {
  std::string out;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = text.find('\n', start);
    std::string line = text.substr(start, end - start);
    out += line.insert(indent, "# ") + "\n";
    start = end + 1;
  }
  return out;
}

/// Defaults where they stand for all; examples in what describes one thing.
std::string_view shown_value(const Key& key) {
  const bool general = (key.at & (kRoot | kDefaults | kListener)) != 0;
  return general && !key.fallback.empty() ? key.fallback : sample_text(key);
}

std::string children(const Shape& shape, std::size_t indent, unsigned without);

std::string item(const Key& key, std::size_t indent) {
  const bool inherits = key.place == kChain || key.place == kUpstream;
  std::string text = children(shape_of(key.place), indent + 4, inherits ? unsigned{kDefaults} : 0U);
  // The dash goes before the first key, past the comments above it.
  std::size_t start = 0;
  while (text[start + indent + 4] == '#') start = text.find('\n', start) + 1;
  text[start + indent + 2] = '-';
  return text;
}

std::string body(const Shape& shape, std::size_t indent, unsigned without) {
  const Key& key = *shape.key;
  const std::string head = fmt::format("{:{}}{}:", "", indent, shape.name);
  switch (key.type) {
    case Type::kGroup: {
      const std::string inside = children(shape, indent + 2, without);
      return inside.empty() ? inside : head + "\n" + inside;
    }
    case Type::kBlock:
      return head + "\n" + children(shape_of(key.place), indent + 2, 0);
    case Type::kBlocks:
      return head + "\n" + item(key, indent);
    default:
      return fmt::format("{} {}\n", head, shown_value(key));
  }
}

std::string children(const Shape& shape, std::size_t indent, unsigned without) {
  std::string out;
  for (const Shape& child : shape.children) {
    const Key& key = *child.key;  // every group has a row of its own
    if ((key.at & without) != 0) continue;
    const std::string text = body(child, indent, without);
    if (text.empty()) continue;
    if (indent == 0) out += "\n";
    out += comment(about(key), indent) + (key.sample ? text : commented(text, indent));
  }
  return out;
}

}  // namespace

std::string example_yaml() {
  return std::string(kHead) + children(shape_of(kRoot), 0, kTopChain);
}

}  // namespace sluice::config
