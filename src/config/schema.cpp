// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <fmt/format.h>

#include "config/describe.hpp"
#include "config/load.hpp"
#include "config/quantity.hpp"
#include "config/quote.hpp"
#include "config/shape.hpp"

/// JSON Schema draft 7, the newest that YAML editors read. It helps while writing; `check` decides.
namespace sluice::config {
namespace {

/// `${…}` may stand in the place of any single value.
constexpr std::string_view kExpansion = R"({"type": "string", "pattern": "\\$\\{"})";

std::string any_of(const std::vector<std::string>& choices) {
  return fmt::format("\"anyOf\": [{}]", fmt::join(choices, ", "));
}

std::string words_of(const Key& key) {
  std::vector<std::string> words;
  for (const Word& word : key.words) {
    if (word.supported) words.push_back(json_string(word.text));
  }
  return fmt::format(R"({{"enum": [{}]}})", fmt::join(words, ", "));
}

std::string integer(const Key& key) {
  const char* type = key.type == Type::kCount ? "integer" : "number";
  return fmt::format(R"({{"type": "{}", "minimum": {}, "maximum": {}}})", type, key.min, key.max);
}

std::string pattern(std::string_view expression) {
  return fmt::format(R"({{"type": "string", "pattern": {}}})", json_string(expression));
}

std::string list(const Key& key, const std::string& item) {
  const std::string most = key.max.empty() ? "" : fmt::format(R"(, "maxItems": {})", key.max);
  return fmt::format(R"("type": "array", "items": {{{}}}{})",
                     any_of({item, std::string(kExpansion)}), most);
}

std::string value(const Key& key) {
  std::vector<std::string> choices;
  switch (key.type) {
    case Type::kBool:
      choices.emplace_back(R"({"type": "boolean"})");
      break;
    case Type::kCount:
    case Type::kNumber:
      choices.push_back(integer(key));
      break;
    case Type::kDuration:
    case Type::kSize:
    case Type::kPercent:
    case Type::kRate:
      choices.push_back(pattern(quantity_pattern(key.type)));
      break;
    case Type::kWord:
      choices.push_back(words_of(key));
      break;
    case Type::kWords:
      return list(key, words_of(key));
    case Type::kHosts:
    case Type::kOrigins:
    case Type::kMethods:
    case Type::kCidrs:
      return list(key, R"({"type": "string"})");
    case Type::kHeaders:
      return R"("type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "boolean"]})";
    case Type::kUrl:
      choices.push_back(pattern("^https?://"));
      break;
    case Type::kAddress:
      choices.push_back(pattern(":[0-9]+$"));
      break;
    case Type::kName:
      choices.push_back(pattern("^[A-Za-z0-9._-]+$"));
      break;
    case Type::kSlug:
      choices.push_back(pattern("^[a-z0-9_-]+$"));
      break;
    case Type::kRoute:
      choices.push_back(pattern("^/"));
      break;
    default:
      // A key made of digits alone is a number to YAML.
      return R"("type": ["string", "number"], "minLength": 1)";
  }
  if (!key.zero.empty())
    choices.push_back(fmt::format(R"({{"const": {}}})", json_string(key.zero)));
  choices.emplace_back(kExpansion);
  return any_of(choices);
}

/// A table's default in JSON: texts, but numbers, booleans and lists as themselves.
std::string json_default(const Key& key) {
  const std::string_view text = key.fallback;
  const bool bare = (key.type == Type::kCount || key.type == Type::kNumber) && text != key.zero;
  if (bare || key.type == Type::kBool || text == "[]" || text == "{}") return std::string(text);
  if (!text.starts_with('[')) return json_string(text);
  std::string out = "[";
  std::string_view rest = text.substr(1, text.size() - 2);
  while (!rest.empty()) {
    const auto comma = rest.find(", ");
    out += (out.size() > 1 ? ", " : "") + json_string(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 2);
  }
  return out + "]";
}

std::string object(const Shape& shape, std::size_t indent);

std::string property(const Shape& shape, std::size_t indent) {
  const Key* key = shape.key;
  if (key == nullptr) return object(shape, indent);
  std::string out = fmt::format(R"("description": {}, )", json_string(key->doc));
  switch (key->type) {
    case Type::kGroup:
      return out + object(shape, indent);
    case Type::kBlock:
      return out +
             fmt::format(R"("allOf": [{{"$ref": "#/definitions/{}"}}])", place_path(key->place));
    case Type::kBlocks: {
      std::vector<std::string> items;
      if (!key->brief.empty()) items.emplace_back(R"({"type": "string"})");
      items.push_back(fmt::format(R"({{"$ref": "#/definitions/{}"}})", place_path(key->place)));
      out += fmt::format(R"("type": ["array", "null"], "items": {{{}}})", any_of(items));
      if (!key->min.empty()) out += fmt::format(R"(, "minItems": {})", key->min);
      if (!key->max.empty()) out += fmt::format(R"(, "maxItems": {})", key->max);
      return out;
    }
    default:
      break;
  }
  if (!key->fallback.empty()) out += fmt::format(R"("default": {}, )", json_default(*key));
  return out + value(*key);
}

/// The members of a JSON object, without its braces.
std::string object(const Shape& shape, std::size_t indent) {
  std::string properties;
  std::vector<std::string> required;
  for (const Shape& child : shape.children) {
    properties += fmt::format("{}\n{:{}}{}: {{{}}}", properties.empty() ? "" : ",", "", indent + 2,
                              json_string(child.name), property(child, indent + 2));
    const bool needed =
        child.key != nullptr && child.key->required && (child.key->at & kTopChain) == 0;
    if (needed) required.push_back(json_string(child.name));
  }
  std::string out = R"("type": ["object", "null"], "additionalProperties": false, )";
  if (!required.empty()) out += fmt::format(R"("required": [{}], )", fmt::join(required, ", "));
  return out + fmt::format("\"properties\": {{{}\n{:{}}", properties, "", indent) + "}";
}

}  // namespace

std::string json_schema() {
  std::string definitions;
  for (const Place place : {kListener, kDefaults, kChain, kUpstream, kClient}) {
    definitions += fmt::format("{}\n    {}: {{{}}}", definitions.empty() ? "" : ",",
                               json_string(place_path(place)), object(shape_of(place), 4));
  }
  return fmt::format(
      "{{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
      "  \"title\": \"Sluice configuration\",\n  {},\n  \"definitions\": {{{}\n  }}\n}}\n",
      object(shape_of(kRoot), 2), definitions);
}

}  // namespace sluice::config
