// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "config/diagnostic.hpp"

/// From what the operator wrote to a Config: the one path of `check`, start-up and reload. Pure
/// beside its Environment; may run on any thread; throws only std::bad_alloc.
namespace sluice::config {

/// A file already read.
struct Source {
  std::string name;  // as shown in messages; relative paths inside start from its folder
  std::string text;
};

/// What the command line says; it wins over every file.
struct Overrides {
  /// Takes the place of all listeners; the TLS files, hosts and PROXY setting of the first one are
  /// kept.
  std::optional<std::string> listen;
  std::optional<std::string> admin_listen;
  std::optional<std::string> admin_socket;
  std::optional<std::string> log_level;
  std::optional<std::string> log_format;
  std::optional<std::string> workers;
  /// Upstreams of a single chain; an error beside a file that has chains.
  std::vector<std::string> urls;
};

/// What surrounds the process.
struct Environment {
  std::function<std::optional<std::string>(std::string_view)> variable;
  /// Whole regular files of at most kFileBytesMax; `detail` of an error is a few words without the
  /// path.
  std::function<Result<std::string>(const std::string& path)> read_file;
};

inline constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

/// The real one. A file that is too large is refused without being read; one that changes while it
/// is read is an error.
[[nodiscard]] Environment system_environment();

/// Where each value came from, by its path in effective_yaml(): `sluice.yaml:14`, `--listen`, with
/// `, env` where
/// `${…}` took part. Values that are not there are defaults.
using Origins = std::map<std::string, std::string, std::less<>>;

struct Loaded {
  std::optional<Config> config;  // none if any diagnostic is an error
  std::vector<Diagnostic> diagnostics;
  Origins origins;
};

/// Reads the files, in order, each over the ones before it.
[[nodiscard]] Loaded load(const std::vector<std::string>& paths, const Overrides& overrides,
                          const Environment& environment);
/// The same for texts in memory.
[[nodiscard]] Loaded load_sources(const std::vector<Source>& sources, const Overrides& overrides,
                                  const Environment& environment);

/// Keys of class `restart` in which the two differ, as paths.
[[nodiscard]] std::vector<std::string> restart_only_changes(const Config& running,
                                                            const Config& next);

/// What the command `config` prints, all made from the table of keys.
[[nodiscard]] std::string reference_markdown();
[[nodiscard]] std::string example_yaml();
[[nodiscard]] std::string json_schema();
/// The configuration with everything filled in and secrets hidden. It loads again, as the same
/// configuration, once the secrets are put back.
[[nodiscard]] std::string effective_yaml(const Config& config, const Origins& origins = {});

}  // namespace sluice::config
