// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/tree.hpp"

namespace sluice::config {

/// One thing that is wrong or odd. Never holds a secret; what came out of
/// `${…}` is not repeated when it is refused.
struct Diagnostic {
  enum Severity : std::uint8_t { error, warning };
  std::string file;
  int line = 0;  // 0: the file as a whole
  int column = 0;
  Severity severity = error;
  std::string message;
  std::string suggestion;

  /// `file:line:col: error: what; did you mean 'x'?`, one line.
  [[nodiscard]] std::string render() const;
};

/// Gathers what is found in the sources of one load(), which owns it. Keeps the first 200 per load
/// and counts the rest, so that a file of rubbish does not fill the log.
class Report {
 public:
  /// Returns the index that Positions in this source carry.
  std::size_t add_source(std::string name);
  [[nodiscard]] const std::string& source_name(std::size_t source) const {
    return sources_[source];
  }
  /// A path as written in `source`, relative to the folder of that file; an absolute path as it is.
  [[nodiscard]] std::string resolve(std::size_t source, std::string_view path) const;

  void error(Position at, std::string message, std::string suggestion = {});
  void warning(Position at, std::string message);
  [[nodiscard]] bool failed() const noexcept { return errors_ != 0; }
  /// Everything found, by source, line and column.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  struct Found {
    Position at;
    Diagnostic::Severity severity;
    std::string message;
    std::string suggestion;
    std::size_t number = 0;  // keeps the order of what stands at one place
  };
  void add(Found found);

  std::vector<std::string> sources_;
  std::vector<Found> found_;
  std::size_t errors_ = 0;
  std::size_t omitted_ = 0;
};

/// `text` for a message: at most 64 bytes, control characters replaced.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace sluice::config
