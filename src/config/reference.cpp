// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "config/describe.hpp"
#include "config/load.hpp"
#include "config/shape.hpp"

namespace sluice::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration reference

Generated from the table of keys by `sluice config reference`; do not edit. `sluice config example` prints a file to start
from, `sluice config schema` a JSON Schema for editors, `sluice config effective` what a file amounts to, and
`sluice check -c FILE` everything that is wrong with it.

Every key but `upstreams` has a default, an empty section stands for its defaults, and an unknown or duplicate key is an
error. The shortest configuration is one line:

```yaml
upstreams: [http://127.0.0.1:8545]
```

It is a single chain written at top level: `name`, `chain_id`, `path`, `upstreams` and every key of `defaults` may stand
there when there is no `chains`. An upstream, like a listener, may be a plain text: its URL, or its address.

## Values

| Kind | Written | Units |
|---|---|---|
| duration | `250ms`, `1.5s` | `us`, `ms`, `s`, `m`, `h`, `d` |
| size | `5MiB` | `B`, `KiB`, `MiB`, `GiB`, `TiB` |
| percentage | `10%` | `%` |
| rate | `300/s` | `/s`, `/m`, `/h` |
| yes or no | `true`, `false` | |

A number without its unit is an error. Keys marked *restart* do not change on reload: a reload that changes one says so and
applies nothing of the file.

## Environment and secrets

`${NAME}`, `${NAME:-default}` and `${file:PATH}` are replaced in values after the YAML was read, once; `$$` is a dollar
sign. A default stands also for an empty variable. A variable that is not set, or a file that cannot be read or is larger
than 64 KiB, is an error; one line end at the end of the file is left out. Secrets, and of an upstream's URL all but
scheme, host and port, are never shown.

Paths of files that are not absolute start from the folder of the file in which they are written. A file may have 1 MiB.

## Several files

Each further `-c` is laid over the ones before it: maps merge key by key at every depth, single values and lists are
replaced, `chains` and `upstreams` too. Options of the command line come last. `--listen` takes the place of all listeners,
and keeps the TLS files, hosts and PROXY setting of the first.
)";

std::string cell(std::string text) {
  for (auto at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
    text.insert(at, 1, '\\');
  }
  return text;
}

std::string code(std::string_view text) {
  return text.empty() ? "" : fmt::format("`{}`", text);
}

std::string remarks(const Key& key) {
  std::string out(key.doc);
  if (key.required) out += " *Required.*";
  if (key.reload == Reload::kRestart) out += " *Restart.*";
  if (key.secret) out += " *Secret.*";
  for (const Word& word : key.words) {
    if (!word.supported) out += fmt::format(" *`{}` is not in this build.*", word.text);
  }
  return out;
}

std::string rows(const Shape& shape, const std::string& path, unsigned without) {
  std::string out;
  for (const Shape& child : shape.children) {
    if (child.key != nullptr && (child.key->at & without) != 0) continue;
    const std::string here = join_path(path, child.name);
    if (child.key != nullptr) {
      const Key& key = *child.key;
      out += fmt::format("| `{}` | {} | {} | {} | {} |\n", here, cell(describe_type(key)),
                         cell(code(key.fallback)), describe_bounds(key), cell(remarks(key)));
    }
    out += rows(child, here, without);
  }
  return out;
}

std::string section(std::string_view title, std::string_view text, Place place, unsigned without) {
  return fmt::format(
      "\n## {}\n\n{}\n\n| Key | Value | Default | Bounds | Meaning |\n|---|---|---|---|---|\n{}",
      title, text, rows(shape_of(place), {}, without));
}

std::string per_upstream() {
  std::string out;
  for (const Shape& child : shape_of(kUpstream).children) {
    if (child.key == nullptr || (child.key->at & kDefaults) == 0 || child.name == "methods")
      continue;
    out += fmt::format("{}`{}`", out.empty() ? "" : ", ", child.name);
  }
  return out;
}

}  // namespace

std::string reference_markdown() {
  std::string out(kIntroduction);
  out += section("Top level", "Settings of the daemon as a whole.", kRoot, kTopChain);
  out += section("`listen[]`", "One listener.", kListener, 0);
  out += section(
      "`defaults`, and every chain",
      fmt::format(
          "Each key may stand in `defaults`, in a chain, where it wins, or at top level beside "
          "`upstreams`. Those of {} may be set anew for an upstream.",
          per_upstream()),
      kDefaults, 0);
  out += section("`chains[]`", "One chain, beside the keys of `defaults`.", kChain, kDefaults);
  out += section("`chains[].upstreams[]`", "One upstream, beside the sections named above.",
                 kUpstream, kEveryChain);
  out += section("`clients[]`", "One client.", kClient, 0);
  return out;
}

}  // namespace sluice::config
