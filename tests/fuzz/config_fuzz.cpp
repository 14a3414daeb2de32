// SPDX-License-Identifier: Apache-2.0
// Any text as a configuration: load() answers, and what it accepts prints and loads again as the
// same text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace {

using namespace sluice::config;

Environment small_world() {
  return {.variable = [](std::string_view name) -> std::optional<std::string> {
            if (name == "A") return "http://a:1";
            if (name == "B") return "";
            return std::nullopt;
          },
          .read_file = [](const std::string& path) -> sluice::Result<std::string> {
            if (path.ends_with("f")) return "5\n";
            return sluice::fail(sluice::ErrorKind::kIo, sluice::Origin::kSluice,
                                sluice::Retry::kNever, "no");
          }};
}

/// Hidden parts do not load again; only a configuration without any can be compared.
bool hides_nothing(const Config& config) {
  for (const ChainConfig& chain : config.chains) {
    for (const UpstreamConfig& upstream : chain.upstreams) {
      if (upstream.url.path_and_query != "/" || !upstream.url.userinfo.empty()) return false;
      if (!upstream.headers.empty()) return false;
    }
  }
  return config.clients.empty();
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The part after the first NUL is a second file over the first.
  const std::string all(data, data + size);
  const auto cut = all.find('\0');
  std::vector<Source> sources{{"/a.yaml", all.substr(0, cut)}};
  if (cut != std::string::npos) sources.push_back({"/b.yaml", all.substr(cut + 1)});
  const Environment environment = small_world();
  const Loaded loaded = load_sources(sources, {}, environment);
  bool errors = false;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    require(diagnostic.render().find('\n') == std::string::npos);
    errors = errors || diagnostic.severity == Diagnostic::error;
  }
  require(errors != loaded.config.has_value());
  if (!loaded.config || !hides_nothing(*loaded.config)) return 0;
  const Loaded again =
      load_sources({{"/a.yaml", effective_yaml(*loaded.config, loaded.origins)}}, {}, environment);
  require(again.config.has_value());
  require(*again.config == *loaded.config);
  require(restart_only_changes(*loaded.config, *again.config).empty());
  return 0;
}
