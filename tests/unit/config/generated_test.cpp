// SPDX-License-Identifier: Apache-2.0
// What is made from the table of keys, and committed: run with SLUICE_REGENERATE=1 to write the
// files anew.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>

#include "config/quantity.hpp"
#include "config/shape.hpp"
#include "config/values.hpp"
#include "config/yaml_reader.hpp"
#include "text_loading.hpp"

using namespace sluice::config;

namespace {

std::string source_path(const std::string& name) {
  return std::string(SLUICE_SOURCE_DIR) + "/" + name;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void check_committed(const std::string& name, const std::string& generated) {
  const std::string path = source_path(name);
  if (std::getenv("SLUICE_REGENERATE") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << generated;
  }
  INFO(name << " does not match the table of keys; run this test with SLUICE_REGENERATE=1");
  CHECK((read(path) == generated));
}

/// JSON is YAML, so our own reader can look at it.
Node read_json(const std::string& text) {
  Report report;
  report.add_source("schema");
  auto node = read_yaml(0, text, report);
  for (const Diagnostic& diagnostic : report.take()) FAIL(diagnostic.render());
  REQUIRE(node);
  return *std::move(node);
}

const Node& member(const Node& node, std::string_view name) {
  const Entry* entry = node.find(name);
  INFO(name);
  REQUIRE(entry != nullptr);
  return entry->value;
}

void check_schema(const Shape& shape, const Node& schema) {
  CHECK(member(schema, "additionalProperties").text == "false");
  const Node& properties = member(schema, "properties");
  for (const Shape& child : shape.children) {
    INFO(child.name);
    REQUIRE(child.key != nullptr);
    const Node& property = member(properties, child.name);
    CHECK(member(property, "description").text == child.key->doc);
    if (child.key->type == Type::kGroup) check_schema(child, property);
    const bool has_default = !child.key->fallback.empty();
    CHECK((property.find("default") != nullptr) == has_default);
  }
}

/// Dotted paths of all scalars, lists without maps, and empty maps, with indexes left out.
void collect(const Node& node, const std::string& path, std::set<std::string>& out) {
  for (const Node& item : node.items) {
    if (item.is_map()) collect(item, path + "[]", out);
  }
  for (const Entry& entry : node.entries) {
    const std::string here = join_path(path, entry.key);
    out.insert(here);
    collect(entry.value, here, out);
  }
}

}  // namespace

TEST_CASE("the committed reference and schema are those of the table") {
  check_committed("deploy/docs/configuration-reference.md", reference_markdown());
  check_committed("config/sluice.schema.json", json_schema());
}

TEST_CASE("the schema is JSON that knows every key, and no other") {
  const Node schema = read_json(json_schema());
  CHECK(member(schema, "$schema").text == "http://json-schema.org/draft-07/schema#");
  check_schema(shape_of(kRoot), schema);
  for (const Place place : {kListener, kDefaults, kChain, kUpstream, kClient}) {
    check_schema(shape_of(place), member(member(schema, "definitions"), place_path(place)));
  }
}

TEST_CASE("the reference has a line for every key") {
  const std::string text = reference_markdown();
  for (const Key& key : table()) {
    INFO(key.path);
    CHECK(text.find(fmt::format("| `{}` |", key.path)) != std::string::npos);
  }
}

TEST_CASE("the example passes, and shows every key that this build has") {
  good(example_yaml());
  // With its comments taken away, the parts that need files and secrets too.
  std::string open;
  std::istringstream lines(example_yaml());
  for (std::string line; std::getline(lines, line);) {
    const auto hash = line.find('#');
    const bool key = hash != std::string::npos && line.find_first_not_of(' ') == hash &&
                     line.find(':') != std::string::npos && line.find(". ") == std::string::npos &&
                     !line.ends_with('.') && !line.ends_with(')');
    if (key) line.erase(hash, 2);
    // A comment of a commented part has a second '#' now, or a first one still.
    const auto first = line.find_first_not_of(' ');
    if (first != std::string::npos && line[first] != '#') open += line + "\n";
  }
  Report report;
  report.add_source("example");
  const auto node = read_yaml(0, open, report);
  INFO(open);
  REQUIRE(node);
  CHECK_FALSE(report.failed());
  std::set<std::string> shown;
  collect(*node, {}, shown);
  for (const Key& key : table()) {
    // In chains and upstreams the example shows what is their own.
    const unsigned place =
        (key.at & kDefaults) != 0 ? unsigned{kDefaults} : key.at & ~unsigned{kTopChain};
    const std::string path = join_path(place_path(static_cast<Place>(place)), key.path);
    INFO(path);
    const bool inside = key.path == "events" || shown.contains(path);
    CHECK(inside);
  }
}

TEST_CASE("the examples in config/ pass, and name their schema") {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("config"))) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string text = read(entry.path());
    INFO(entry.path().string());
    CHECK(text.starts_with("# yaml-language-server: $schema=sluice.schema.json\n"));
    const Loaded loaded = load_sources({{entry.path(), text}}, {}, test_environment());
    CHECK(complaints(loaded) == "");
    CHECK(loaded.config.has_value());
    names.insert(entry.path().filename());
  }
  for (const char* name : {"minimal.yaml", "two-providers.yaml", "own-nodes.yaml", "bots.yaml",
                           "multi-chain.yaml", "behind-balancer.yaml"}) {
    INFO(name);
    CHECK(names.contains(name));
  }
}

TEST_CASE("rows of the table are sound") {
  std::set<std::pair<unsigned, std::string_view>> seen;
  for (const Key& key : table()) {
    INFO(key.path);
    for (unsigned place = 1; place <= kClient; place *= 2) {
      if ((key.at & place) != 0) CHECK(seen.emplace(place, key.path).second);
    }
    if (key.min.empty() && key.max.empty()) continue;
    const bool counted = key.field.stored == Stored::kCount ||
                         key.field.stored == Stored::kDouble ||
                         key.field.stored == Stored::kDuration;
    if (!counted) continue;
    const auto min = parse_quantity(key.type, key.min, {});
    const auto max = parse_quantity(key.type, key.max, {});
    REQUIRE(min);
    REQUIRE(max);
    CHECK(*min < *max);
    if (key.fallback.empty() || key.fallback == key.zero) continue;
    const auto fallback = parse_quantity(key.type, key.fallback, {});
    REQUIRE(fallback);
    CHECK(*fallback >= *min);
    CHECK(*fallback <= *max);
  }
}

TEST_CASE("every key has a member of its own, which another value changes") {
  // A value other than the default for every kind; keys that this build has not are refused
  // elsewhere.
  const auto other = [](const Key& key) -> std::string {
    switch (key.type) {
      case Type::kBool:
        return key.fallback == "true" ? "false" : "true";
      case Type::kWord: {
        for (const Word& word : key.words) {
          if (word.supported && word.text != key.fallback) return std::string(word.text);
        }
        return {};
      }
      case Type::kAddress:
        return "127.0.0.1:1";
      case Type::kHosts:
        return "[h.example]";
      case Type::kOrigins:
        return "[https://h.example]";
      case Type::kMethods:
        return "[eth_x]";
      case Type::kCidrs:
        return "[10.9.0.0/16]";
      case Type::kWords:
        return "[steer]";
      case Type::kHeaders:
        return "{x: y}";
      case Type::kPath:
        return "/tls/crt";
      case Type::kName:
      case Type::kSlug:
      case Type::kSecret:
        return "other";
      case Type::kRoute:
        return "/other";
      case Type::kUrl:
        return "https://other";
      default:
        return std::string(key.fallback == key.max ? key.min : key.max);
    }
  };
  Config config;
  ListenConfig listener;
  ChainConfig chain;
  UpstreamConfig upstream;
  ClientConfig client;
  MethodRules own_methods;
  std::set<const void*> members;
  for (const Key& key : table()) {
    const bool value =
        key.type != Type::kGroup && key.type != Type::kBlock && key.type != Type::kBlocks;
    if (!value) continue;
    INFO(key.path);
    MethodRules* methods = (key.at & kRoot) != 0 ? &config.methods : &own_methods;
    const Owner owner{&config, &listener, &chain, &chain, &upstream, &client, methods};
    CHECK(members.insert(key.field.access(owner)).second);
    const std::string text = other(key);
    if (text.empty()) continue;
    set_default(key, owner);
    const auto all = [&] {
      return std::make_tuple(config, listener, chain, upstream, client, own_methods);
    };
    const auto before = all();
    Report report;
    report.add_source("t");
    const auto parsed = read_yaml(0, "v: " + text, report);
    REQUIRE(parsed);
    CHECK(read_value(key, parsed->entries.at(0).value, "v", owner, report));
    CHECK_FALSE(all() == before);
  }
}
