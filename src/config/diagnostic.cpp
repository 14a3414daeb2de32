// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostic.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::size_t kFoundMax = 200;
constexpr std::size_t kShownBytesMax = 64;

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= kShownBytesMax) {
      // Never end in half a UTF-8 character.
      if ((static_cast<unsigned char>(c) & 0xc0U) == 0x80U) {
        out += c;
        continue;
      }
      return out + "...";
    }
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control ? '?' : c;
  }
  return out;
}

std::string Diagnostic::render() const {
  std::string out = line > 0 ? fmt::format("{}:{}:{}", file, line, column) : file;
  out += severity == error ? ": error: " : ": warning: ";
  out += message;
  if (!suggestion.empty()) out += fmt::format("; did you mean '{}'?", suggestion);
  return out;
}

std::size_t Report::add_source(std::string name) {
  sources_.push_back(std::move(name));
  return sources_.size() - 1;
}

std::string Report::resolve(std::size_t source, std::string_view path) const {
  std::filesystem::path given(path);
  if (given.is_absolute()) return given.string();
  std::error_code ignored;  // without a working directory the path stays relative
  const auto file = std::filesystem::absolute(sources_[source], ignored);
  return (file.parent_path() / given).lexically_normal().string();
}

void Report::error(Position at, std::string message, std::string suggestion) {
  ++errors_;
  add({at, Diagnostic::error, std::move(message), std::move(suggestion)});
}

void Report::warning(Position at, std::string message) {
  add({at, Diagnostic::warning, std::move(message), {}});
}

void Report::add(Found found) {
  if (found_.size() < kFoundMax) {
    found.number = found_.size();
    found_.push_back(std::move(found));
  } else {
    ++omitted_;
  }
}

std::vector<Diagnostic> Report::take() {
  std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
    return std::tie(a.at.source, a.at.line, a.at.column, a.number) <
           std::tie(b.at.source, b.at.line, b.at.column, b.number);
  });
  std::vector<Diagnostic> out;
  out.reserve(found_.size() + 1);
  for (Found& found : found_) {
    out.push_back({sources_[found.at.source], found.at.line, found.at.column, found.severity,
                   std::move(found.message), std::move(found.suggestion)});
  }
  if (omitted_ != 0 && !out.empty()) {
    out.push_back({out.back().file,
                   0,
                   0,
                   Diagnostic::error,
                   fmt::format("{} more problems are not shown", omitted_),
                   {}});
  }
  found_.clear();
  return out;
}

}  // namespace sluice::config
