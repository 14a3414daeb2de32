// SPDX-License-Identifier: Apache-2.0
// Loads configurations from texts, in a world of a few variables and files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "support/catch.hpp"

namespace sluice::config {

inline std::map<std::string, std::string, std::less<>> test_variables() {
  return {{"CANARY", "canary"},
          {"NUMBER", "30"},
          {"EMPTY", ""},
          {"NESTED", "${CANARY}"},
          {"URL", "https://user:canary@rpc.example/v2/canary?key=canary"},
          {"WORKERS", "7"}};
}

inline std::map<std::string, std::string, std::less<>> test_files() {
  return {{"/tls/crt", "pem"},
          {"/tls/key", "pem"},
          {"/etc/sluice/near", "near\n"},
          {"/secret", "from-file\n"},
          {"/two-lines", "a\n\n"},
          {"/windows", "a\r\n"},
          {"/large", std::string(64 * 1024 + 1, 'x')}};
}

inline Environment test_environment() {
  return {.variable = [](std::string_view name) -> std::optional<std::string> {
            const auto all = test_variables();
            const auto found = all.find(name);
            if (found == all.end()) return std::nullopt;
            return found->second;
          },
          .read_file = [](const std::string& path) -> Result<std::string> {
            const auto all = test_files();
            const auto found = all.find(path);
            if (found != all.end()) return found->second;
            return fail(ErrorKind::kIo, Origin::kSluice, Retry::kNever,
                        "No such file or directory");
          }};
}

inline Loaded load_text(const std::string& text, const Overrides& overrides = {}) {
  return load_sources({{"/etc/sluice/t.yaml", text}}, overrides, test_environment());
}

/// All diagnostics as printed, one a line, without the name of the file.
inline std::string complaints(const Loaded& loaded) {
  static const std::string kFile = "/etc/sluice/t.yaml:";
  std::string out;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    std::string line = diagnostic.render();
    if (line.starts_with(kFile)) line.erase(0, kFile.size());
    out += (out.empty() ? "" : "\n") + line;
  }
  return out;
}

/// The configuration, which must be good and without warnings.
inline Config good(const std::string& text, const Overrides& overrides = {}) {
  Loaded loaded = load_text(text, overrides);
  INFO(text);
  CHECK(complaints(loaded) == "");
  REQUIRE(loaded.config);
  return *std::move(loaded.config);
}

struct BadCase {
  const char* name;
  const char* text;
  const char* expected;
};

/// Every text gives exactly these complaints; only warnings leave a configuration.
template <std::size_t N>
void check_all(const BadCase (&cases)[N]) {
  for (const BadCase& each : cases) {
    INFO(each.name << "\n" << each.text);
    const Loaded loaded = load_text(each.text);
    CHECK(complaints(loaded) == each.expected);
    const bool errors = std::string_view(each.expected).find(": error: ") != std::string_view::npos;
    CHECK(loaded.config.has_value() == !errors);
  }
}

}  // namespace sluice::config
