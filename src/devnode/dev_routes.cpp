// SPDX-License-Identifier: Apache-2.0
#include "devnode/dev_routes.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <simdjson.h>

#include "devnode/methods.hpp"

namespace sluice::devnode {
namespace {

DevReply error_reply(int status, std::string_view what) {
  DevReply reply{.status = status, .body = "{\"error\":"};
  append_json_string(reply.body, what);
  reply.body += '}';
  return reply;
}

DevReply faults_route(Node& node, std::string_view method, std::string_view body) {
  if (method == "DELETE") {
    node.set_faults(Faults{});
  } else if (method == "POST") {
    auto faults = Faults::parse(body, node.view(*node.faults()).head);
    if (!faults) return error_reply(400, faults.error().detail);
    node.set_faults(std::move(*faults));
  } else if (method != "GET") {
    return error_reply(405, "method not allowed");
  }
  return {.body = node.faults()->source};
}

DevReply stats_route(Node& node, std::string_view method) {
  if (method == "DELETE") {
    node.stats().clear();
  } else if (method != "GET") {
    return error_reply(405, "method not allowed");
  }
  std::vector<std::string_view> names;
  for (const Method& row : methods()) names.push_back(row.name);
  std::string extra = "\"name\":";
  append_json_string(extra, node.name());
  extra += fmt::format(",\"head\":{},\"filters\":{},", node.view(*node.faults()).head,
                       node.filters().size());
  return {.body = node.stats().to_json(extra, names)};
}

DevReply mine_route(Node& node, std::string_view method, std::string_view body) {
  if (method != "POST") return error_reply(405, "method not allowed");
  std::uint64_t blocks = 1;
  if (!body.empty()) {
    simdjson::dom::parser parser;
    const simdjson::padded_string padded(body);
    simdjson::dom::object object;
    if (parser.parse(padded).get(object) != simdjson::SUCCESS) {
      return error_reply(400, "not a JSON object");
    }
    const auto error = object["n"].get(blocks);
    if (error != simdjson::SUCCESS && error != simdjson::NO_SUCH_FIELD) {
      return error_reply(400, "bad value of n");
    }
  }
  node.mine(blocks);
  return {.body = fmt::format("{{\"head\":{}}}", node.true_head())};
}

}  // namespace

bool is_dev_target(std::string_view target) noexcept {
  return target.starts_with("/_dev/");
}

DevReply dev_route(Node& node, std::string_view method, std::string_view target,
                   std::string_view body) {
  if (target == "/_dev/faults") return faults_route(node, method, body);
  if (target == "/_dev/stats") return stats_route(node, method);
  if (target == "/_dev/mine") return mine_route(node, method, body);
  return error_reply(404, "not found");
}

}  // namespace sluice::devnode
