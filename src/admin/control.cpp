// SPDX-License-Identifier: Apache-2.0
#include "admin/control.hpp"

#include <array>
#include <utility>

#include <simdjson.h>

#include "base/log_format.hpp"

namespace sluice::admin {
namespace {

constexpr std::array<std::pair<std::string_view, std::string ControlRequest::*>, 6> kMembers = {{
    {"command", &ControlRequest::command},
    {"target", &ControlRequest::target},
    {"item", &ControlRequest::item},
    {"value", &ControlRequest::value},
    {"level", &ControlRequest::level},
    {"last_event_id", &ControlRequest::last_event_id},
}};

std::unexpected<Error> invalid(std::string detail) {
  return fail(ErrorKind::kInvalid, Origin::kClient, Retry::kNever, std::move(detail));
}

}  // namespace

Result<ControlRequest> parse_control(std::string_view line) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const simdjson::padded_string padded(line);
  if (parser.parse(padded).get(object) != simdjson::SUCCESS)
    return invalid("not one JSON object in a line");
  ControlRequest request;
  for (const auto field : object) {
    std::string ControlRequest::* member = nullptr;
    for (const auto& [name, at] : kMembers) {
      if (field.key == name) member = at;
    }
    if (member == nullptr) return invalid("unknown member " + std::string(field.key));
    std::string_view text;
    if (field.value.get(text) != simdjson::SUCCESS)
      return invalid(std::string(field.key) + " must be a text");
    request.*member = std::string(text);
  }
  if (request.command.empty()) return invalid("no command");
  return request;
}

std::string control_line(const ControlReply& reply) {
  constexpr std::size_t kTextMax = 65536;
  std::string line = reply.ok ? R"({"ok":true,"text":")" : R"({"ok":false,"text":")";
  log::append_escaped(line, reply.text, kTextMax);
  return line + "\"" + reply.members + "}\n";
}

}  // namespace sluice::admin
