// SPDX-License-Identifier: Apache-2.0
#include "devnode/json_reader.hpp"

#include <utility>

namespace sluice::devnode {
namespace ondemand = simdjson::ondemand;
namespace {

bool is_object(ondemand::value& value) {
  ondemand::json_type type{};
  return value.type().get(type) == simdjson::SUCCESS && type == ondemand::json_type::object;
}

bool at_end(ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

/// The bytes of any value. simdjson's text of a container reaches to the next token, and so may end
/// in white space.
bool raw_token(ondemand::value& value, std::string_view& out) {
  if (simdjson::to_json_string(value).get(out) != simdjson::SUCCESS) return false;
  out = out.substr(0, out.find_last_not_of(" \t\r\n") + 1);
  return true;
}

}  // namespace

std::string_view unquoted(std::string_view token) noexcept {
  if (token.size() < 2 || token.front() != '"') return {};
  return token.substr(1, token.size() - 2);
}

simdjson::padded_string_view JsonReader::padded(std::string_view part) const {
  const auto offset = static_cast<std::size_t>(part.data() - body_.data());
  return simdjson::padded_string_view(part.data(), part.size(), body_.size() - offset);
}

bool JsonReader::read_envelope(ondemand::object object, Envelope& out) {
  for (auto item : object) {
    ondemand::field field;
    if (std::move(item).get(field) != simdjson::SUCCESS) return false;
    const auto key = field.key();
    ondemand::value value = field.value();
    if (key == "method") {
      ondemand::json_type type{};
      if (value.type().get(type) != simdjson::SUCCESS) return false;
      if (type != ondemand::json_type::string) continue;
      if (value.get_string().get(out.method) != simdjson::SUCCESS) return false;
    } else {
      std::string_view raw;
      if (!raw_token(value, raw)) return false;
      if (key == "id") out.id = raw;
      if (key == "params") out.params = raw;
    }
  }
  return true;
}

bool JsonReader::read_calls(ondemand::document& document) {
  ondemand::json_type type{};
  if (document.type().get(type) != simdjson::SUCCESS) return false;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS) return false;
    return read_envelope(object, requests_.calls.emplace_back()) && at_end(document);
  }
  if (type != ondemand::json_type::array) {
    requests_.calls.emplace_back();
    return true;
  }
  requests_.batch = true;
  ondemand::array array;
  if (document.get_array().get(array) != simdjson::SUCCESS) return false;
  for (auto item : array) {
    ondemand::value value;
    if (item.get(value) != simdjson::SUCCESS) return false;
    Envelope& call = requests_.calls.emplace_back();
    if (!is_object(value)) continue;
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return false;
    if (!read_envelope(object, call)) return false;
  }
  return at_end(document);
}

const JsonReader::Requests& JsonReader::requests(std::string_view body) {
  body_.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  body_.assign(body);
  body_.append(simdjson::SIMDJSON_PADDING, ' ');
  requests_.calls.clear();
  requests_.batch = false;
  ondemand::document document;
  const auto error = envelope_parser_.iterate(padded({body_.data(), body.size()})).get(document);
  requests_.well_formed = error == simdjson::SUCCESS && read_calls(document);
  return requests_;
}

bool JsonReader::elements(std::string_view array, std::vector<std::string_view>& out) {
  out.clear();
  if (array.empty() || array.front() != '[') return false;
  ondemand::document document;
  if (part_parser_.iterate(padded(array)).get(document) != simdjson::SUCCESS) return false;
  ondemand::array items;
  if (document.get_array().get(items) != simdjson::SUCCESS) return false;
  for (auto item : items) {
    ondemand::value value;
    if (item.get(value) != simdjson::SUCCESS) return false;
    if (!raw_token(value, out.emplace_back())) return false;
  }
  return true;
}

std::string_view JsonReader::member(std::string_view object, std::string_view key) {
  if (object.empty() || object.front() != '{') return {};
  ondemand::document document;
  if (part_parser_.iterate(padded(object)).get(document) != simdjson::SUCCESS) return {};
  ondemand::value value;
  if (document.find_field_unordered(key).get(value) != simdjson::SUCCESS) return {};
  std::string_view raw;
  return raw_token(value, raw) ? raw : std::string_view{};
}

}  // namespace sluice::devnode
