// SPDX-License-Identifier: Apache-2.0
#include "config/expand.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::size_t kSecretFileBytesMax = std::size_t{64} * 1024;
constexpr std::size_t kScalarBytesMax = std::size_t{256} * 1024;
constexpr std::string_view kFilePrefix = "file:";

bool is_variable_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// One pass over one tree; lives on the stack of expand().
class Expander {
 public:
  Expander(const Environment& environment, Report& report)
      : environment_(environment), report_(report) {}

  void visit(Node& node) {
    for (Node& item : node.items) visit(item);
    for (Entry& entry : node.entries) visit(entry.value);
    if (!node.is_scalar() || node.verbatim || node.text.find('$') == std::string::npos) return;
    auto text = expand_text(node);
    node.failed = !text;
    if (text) node.text = *std::move(text);
  }

 private:
  std::optional<std::string> expand_text(Node& node) {
    std::string out;
    std::string_view rest = node.text;
    while (!rest.empty()) {
      const auto dollar = rest.find('$');
      out += rest.substr(0, dollar);
      if (dollar == std::string_view::npos) break;
      rest.remove_prefix(dollar + 1);
      if (rest.starts_with('$')) {
        out += '$';
        rest.remove_prefix(1);
      } else if (rest.starts_with('{')) {
        const auto close = rest.find('}');
        if (close == std::string_view::npos) {
          report_.error(node.at, "'${' without '}'; write '$$' for a dollar sign");
          return std::nullopt;
        }
        const auto value = look_up(rest.substr(1, close - 1), node.at);
        if (!value) return std::nullopt;
        out += *value;
        node.expanded = true;
        rest.remove_prefix(close + 1);
      } else {
        out += '$';
      }
      if (out.size() > kScalarBytesMax) {
        report_.error(node.at,
                      fmt::format("a value expands to more than {} bytes", kScalarBytesMax));
        return std::nullopt;
      }
    }
    return out;
  }

  std::optional<std::string> look_up(std::string_view what, Position at) {
    if (what.starts_with(kFilePrefix)) return read(what.substr(kFilePrefix.size()), at);
    const auto mark = what.find(":-");
    const std::string_view name = what.substr(0, mark);
    if (!is_variable_name(name)) {
      report_.error(at,
                    "'${...}' holds no variable name; write '${NAME}', '${NAME:-default}', "
                    "'${file:PATH}', or '$$' for a dollar sign");
      return std::nullopt;
    }
    auto value = environment_.variable(name);
    if (mark != std::string_view::npos && (!value || value->empty())) {
      return std::string(what.substr(mark + 2));
    }
    if (!value) {
      report_.error(at,
                    fmt::format("environment variable '{0}' is not set; '${{{0}:-...}}' gives it "
                                "a default",
                                name));
    }
    return value;
  }

  std::optional<std::string> read(std::string_view path, Position at) {
    if (path.empty() || path.find('\0') != std::string_view::npos) {
      report_.error(at, "'${file:...}' holds no path");
      return std::nullopt;
    }
    const std::string resolved = report_.resolve(at.source, path);
    auto text = environment_.read_file(resolved);
    if (!text) {
      report_.error(at,
                    fmt::format("cannot read '{}': {}", printable(resolved), text.error().detail));
      return std::nullopt;
    }
    if (text->size() > kSecretFileBytesMax) {
      report_.error(at, fmt::format("'{}' is larger than 64 KiB", printable(resolved)));
      return std::nullopt;
    }
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    return *std::move(text);
  }

  const Environment& environment_;
  Report& report_;
};

}  // namespace

void expand(Node& root, const Environment& environment, Report& report) {
  Expander(environment, report).visit(root);
}

}  // namespace sluice::config
