// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "devnode/handlers.hpp"
#include "devnode/params.hpp"
#include "devnode/render.hpp"

namespace sluice::devnode::handlers {
namespace {

constexpr std::uint64_t kRangeMax = 10'000;

struct Range {
  std::uint64_t from = 0;
  std::optional<std::uint64_t> to;
};

void append_logs(std::string& out, const Chain& chain, const LogFilter& filter, std::uint64_t from,
                 std::uint64_t to) {
  out += '[';
  for (std::uint64_t block = from; block <= to; ++block) {
    for (const PlacedLog& log : matching_logs(chain, filter, block)) {
      if (out.back() != '[') out += ',';
      append_log(out, chain, log.transaction, log.index);
    }
  }
  out += ']';
}

/// fromBlock and toBlock of the filter object; the head by default.
std::optional<Range> range_param(Context& context) {
  const std::string_view object = context.param(0);
  const auto from = block_token(context, 0, context.json.member(object, "fromBlock"));
  if (!from) return std::nullopt;
  const auto to = block_token(context, 0, context.json.member(object, "toBlock"));
  if (!to) return std::nullopt;
  return Range{.from = from->number.value_or(0), .to = to->number};
}

bool check_range(Context& context, std::uint64_t from, std::uint64_t to) {
  if (from > to) return context.fail(-32602, "invalid block range params");
  if (to > context.view.head) {
    return context.fail(-32602, "block range extends beyond current head block");
  }
  if (to - from >= kRangeMax) {
    return context.fail(-32602, fmt::format("exceed maximum block range: {}", kRangeMax));
  }
  return true;
}

void logs_of_block(Context& context, const LogFilter& filter, std::string_view hash_token) {
  Bytes32 hash{};
  if (!parse_fixed(unquoted(hash_token), hash)) {
    context.fail_argument(0, "json: cannot unmarshal into Go value of type common.Hash");
    return;
  }
  const auto number = context.node.chain().block_of(hash);
  if (!number || *number > context.view.head) {
    context.fail(-32000, "unknown block");
    return;
  }
  append_logs(context.out, context.node.chain(), filter, *number, *number);
}

void install(Context& context, FilterKind kind, Filter filter) {
  filter.kind = kind;
  filter.next_block = std::max(filter.from_block, context.view.head + 1);
  filter.next_pending = context.node.mempool().position();
  context.quantity(context.node.filters().install(std::move(filter)));
}

void append_hashes(std::string& out, const std::vector<Bytes32>& hashes) {
  out += '[';
  for (const Bytes32& hash : hashes) {
    if (out.back() != '[') out += ',';
    out += '"';
    append_hex(out, hash);
    out += '"';
  }
  out += ']';
}

std::vector<Bytes32> block_hashes(const Chain& chain, std::uint64_t from, std::uint64_t to) {
  std::vector<Bytes32> hashes;
  for (std::uint64_t block = from; block <= to; ++block) hashes.push_back(chain.block_hash(block));
  return hashes;
}

std::optional<std::uint64_t> filter_id(Context& context) {
  const auto id = quantity_param(context, 0);
  if (id && !context.node.filters().find(*id)) {
    context.fail(-32000, "filter not found");
    return std::nullopt;
  }
  return id;
}

}  // namespace

void get_logs(Context& context) {
  const auto filter = log_filter_param(context, 0);
  if (!filter) return;
  const std::string_view object = context.param(0);
  const std::string_view hash = context.json.member(object, "blockHash");
  if (!hash.empty() && hash != "null") {
    if (!context.json.member(object, "fromBlock").empty()) {
      context.fail_argument(
          0, "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
    } else {
      logs_of_block(context, *filter, hash);
    }
    return;
  }
  const auto range = range_param(context);
  if (!range || !check_range(context, range->from, *range->to)) return;
  append_logs(context.out, context.node.chain(), *filter, range->from, *range->to);
}

void new_filter(Context& context) {
  auto logs = log_filter_param(context, 0);
  if (!logs) return;
  const auto range = range_param(context);
  if (!range) return;
  Filter filter;
  filter.logs = std::move(*logs);
  filter.from_block = range->from;
  // A filter up to "latest" has no end: it goes on with the chain.
  const std::string_view to = unquoted(context.json.member(context.param(0), "toBlock"));
  if (to.starts_with("0x")) filter.to_block = range->to;
  install(context, FilterKind::kLogs, std::move(filter));
}

void new_block_filter(Context& context) {
  install(context, FilterKind::kBlocks, {});
}

void new_pending_filter(Context& context) {
  install(context, FilterKind::kPending, {});
}

void filter_changes(Context& context) {
  const auto id = filter_id(context);
  if (!id) return;
  const std::uint64_t head = context.view.head;
  const auto filter =
      context.node.filters().drain(*id, head + 1, context.node.mempool().position());
  if (!filter) return;
  const Chain& chain = context.node.chain();
  const std::uint64_t from = std::max(filter->next_block, head - std::min(head, kRangeMax - 1));
  if (filter->kind == FilterKind::kLogs) {
    append_logs(context.out, chain, filter->logs, from,
                std::min(head, filter->to_block.value_or(head)));
  } else if (filter->kind == FilterKind::kBlocks) {
    append_hashes(context.out, block_hashes(chain, from, head));
  } else {
    append_hashes(context.out, context.node.mempool().since(filter->next_pending));
  }
}

void filter_logs(Context& context) {
  const auto id = filter_id(context);
  if (!id) return;
  const auto filter = context.node.filters().find(*id);
  if (!filter || filter->kind != FilterKind::kLogs) {
    context.fail(-32000, "filter not found");
    return;
  }
  const std::uint64_t to = filter->to_block.value_or(context.view.head);
  if (!check_range(context, filter->from_block, to)) return;
  append_logs(context.out, context.node.chain(), filter->logs, filter->from_block, to);
}

void uninstall_filter(Context& context) {
  const auto id = quantity_param(context, 0);
  if (id) context.out += context.node.filters().uninstall(*id) ? "true" : "false";
}

void subscribe(Context& context) {
  if (context.subscriber == nullptr) {
    context.fail(-32601, "notifications not supported");
    return;
  }
  const std::string_view kind = context.text(0);
  auto filter = kind == "logs" ? log_filter_param(context, 1) : LogFilter{};
  if (!filter) return;
  SubscriptionKind wanted{};
  if (kind == "newHeads") {
    wanted = SubscriptionKind::kHeads;
  } else if (kind == "logs") {
    wanted = SubscriptionKind::kLogs;
  } else if (kind == "newPendingTransactions") {
    wanted = SubscriptionKind::kPending;
  } else if (kind == "syncing") {
    wanted = SubscriptionKind::kSyncing;
  } else {
    context.fail(-32601, fmt::format("no \"{}\" subscription in eth namespace", kind));
    return;
  }
  const std::uint64_t id = context.subscriber->subscribe(wanted, std::move(*filter));
  context.reply.opened.push_back(id);
  context.quantity(id);
}

void unsubscribe(Context& context) {
  if (context.subscriber == nullptr) {
    context.fail(-32601, "notifications not supported");
    return;
  }
  const auto id = parse_quantity(context.text(0));
  if (id && context.subscriber->unsubscribe(*id)) {
    context.out += "true";
  } else {
    context.fail(-32000, "subscription not found");
  }
}

}  // namespace sluice::devnode::handlers
