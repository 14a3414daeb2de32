// SPDX-License-Identifier: Apache-2.0
#include "devnode/params.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::devnode {
namespace {

std::optional<std::uint64_t> tag(std::string_view text, std::uint64_t head) {
  if (text == "latest" || text == "pending") return head;
  if (text == "safe") return head - std::min(head, kSafeDepth);
  if (text == "finalized") return head - std::min(head, kFinalizedDepth);
  if (text == "earliest") return 0;
  return std::nullopt;
}

BlockChoice by_hash(const Context& context, const Bytes32& hash) {
  const auto number = context.node.chain().block_of(hash);
  if (!number || *number > context.view.head) return {.number = {}, .by_hash = true};
  return {.number = number, .by_hash = true};
}

bool read_addresses(Context& context, std::string_view token, LogFilter& filter) {
  if (token.empty() || token == "null") return true;
  std::vector<std::string_view> items{token};
  if (token.front() == '[' && !context.json.elements(token, items)) return false;
  for (const std::string_view item : items) {
    if (!parse_fixed(unquoted(item), filter.addresses.emplace_back())) return false;
  }
  return true;
}

bool read_topics(Context& context, std::string_view token, LogFilter& filter) {
  if (token.empty() || token == "null") return true;
  std::vector<std::string_view> positions;
  if (!context.json.elements(token, positions)) return false;
  for (const std::string_view position : positions) {
    auto& wanted = filter.topics.emplace_back();
    if (position == "null") continue;
    std::vector<std::string_view> items{position};
    if (position.front() == '[' && !context.json.elements(position, items)) return false;
    for (const std::string_view item : items) {
      if (!parse_fixed(unquoted(item), wanted.emplace_back())) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<BlockChoice> block_token(Context& context, std::size_t i, std::string_view token) {
  if (token.empty() || token == "null") return BlockChoice{.number = context.view.head};
  if (token.front() == '{') {
    const std::string_view hash = context.json.member(token, "blockHash");
    const std::string_view number = context.json.member(token, "blockNumber");
    if (hash.empty() == number.empty()) {
      context.fail_argument(i, "need exactly one of blockHash and blockNumber");
      return std::nullopt;
    }
    token = hash.empty() ? number : hash;
  }
  const std::string_view text = unquoted(token);
  if (const auto number = tag(text, context.view.head)) {
    return BlockChoice{.number = number, .pending = text == "pending"};
  }
  Bytes32 hash{};
  if (parse_fixed(text, hash)) return by_hash(context, hash);
  const auto number = parse_quantity(text);
  if (!number) {
    context.fail_argument(i, "hex string without 0x prefix");
    return std::nullopt;
  }
  return BlockChoice{.number = number};
}

std::optional<BlockChoice> block_param(Context& context, std::size_t i) {
  return block_token(context, i, context.param(i));
}

std::optional<std::uint64_t> state_block_param(Context& context, std::size_t i) {
  const auto choice = block_param(context, i);
  if (!choice) return std::nullopt;
  const std::uint64_t head = context.view.head;
  if (!choice->known(head)) {
    context.fail(-32000, choice->by_hash ? "header for hash not found" : "header not found");
    return std::nullopt;
  }
  const std::uint64_t kept = context.faults.state_history.value_or(UINT64_MAX);
  if (head - *choice->number > kept) {
    std::string root;
    append_hex(root, context.node.chain().root("state", *choice->number));
    const std::string_view bare = std::string_view(root).substr(2);
    context.fail(-32000,
                 fmt::format("missing trie node {} (path ) state {} is not available, not found",
                             bare, root));
    return std::nullopt;
  }
  return choice->number;
}

std::optional<Address> address_param(Context& context, std::size_t i) {
  Address address{};
  if (parse_fixed(context.text(i), address)) return address;
  context.fail_argument(i, "json: cannot unmarshal into Go value of type common.Address");
  return std::nullopt;
}

std::optional<Bytes32> hash_param(Context& context, std::size_t i) {
  Bytes32 hash{};
  if (parse_fixed(context.text(i), hash)) return hash;
  context.fail_argument(i, "json: cannot unmarshal into Go value of type common.Hash");
  return std::nullopt;
}

std::optional<std::uint64_t> quantity_param(Context& context, std::size_t i) {
  const auto value = parse_quantity(context.text(i));
  if (!value) context.fail_argument(i, "hex string without 0x prefix");
  return value;
}

std::optional<LogFilter> log_filter_param(Context& context, std::size_t i) {
  LogFilter filter;
  const std::string_view object = context.param(i);
  if (object.empty()) return filter;
  if (object.front() != '{' ||
      !read_addresses(context, context.json.member(object, "address"), filter) ||
      !read_topics(context, context.json.member(object, "topics"), filter)) {
    context.fail_argument(i, "invalid address or topics");
    return std::nullopt;
  }
  return filter;
}

}  // namespace sluice::devnode
