// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include <fmt/format.h>

#include "devnode/handlers.hpp"
#include "devnode/params.hpp"
#include "devnode/render.hpp"
#include "ethereum/transaction_hash.hpp"

namespace sluice::devnode::handlers {
namespace {

/// The block that parameter `i` names if this node has it; appends null (or fails) otherwise.
std::optional<std::uint64_t> existing_block(Context& context, std::size_t i) {
  const auto choice = block_param(context, i);
  if (!choice) return std::nullopt;
  if (choice->known(context.view.head)) return choice->number;
  context.null();
  return std::nullopt;
}

/// A hash that was sent to this node, as it looks from the view's head.
std::optional<SentView> find_sent(Context& context, const Bytes32& hash) {
  const auto block = context.node.mempool().block_of(hash);
  if (!block) return std::nullopt;
  return SentView{.hash = hash, .block = *block, .mined = *block <= context.view.head};
}

std::optional<TransactionPlace> find_mined(Context& context, const Bytes32& hash) {
  const auto place = context.node.chain().place_of(hash);
  if (!place || place->block > context.view.head) return std::nullopt;
  return place;
}

}  // namespace

void chain_id(Context& context) {
  context.quantity(context.view.chain_id);
}

void net_version(Context& context) {
  fmt::format_to(std::back_inserter(context.out), "\"{}\"", context.view.chain_id);
}

void net_listening(Context& context) {
  context.out += "true";
}

void net_peer_count(Context& context) {
  context.quantity(25);
}

void client_version(Context& context) {
  context.out += "\"sluice-devnode/v0.1.0";
  if (!context.node.name().empty()) context.out += '/';
  std::string name;
  append_json_string(name, context.node.name());
  context.out.append(name, 1, std::string::npos);
}

void sha3(Context& context) {
  const auto hash = ethereum::keccak256_of_hex(context.text(0));
  if (!hash) {
    context.fail_argument(0, "hex string without 0x prefix");
    return;
  }
  context.out += '"';
  append_hex(context.out, *hash);
  context.out += '"';
}

void syncing(Context& context) {
  context.out += context.faults.syncing.empty() ? "false" : context.faults.syncing;
}

void accounts(Context& context) {
  context.out += "[]";
}

void block_number(Context& context) {
  context.quantity(context.view.head);
}

void block_by_number(Context& context) {
  const auto choice = block_param(context, 0);
  if (!choice) return;
  if (choice->pending) {
    append_pending_block(context.out, context.node.chain(), context.view.head);
  } else if (choice->known(context.view.head)) {
    append_block(context.out, context.node.chain(), *choice->number, context.param(1) == "true");
  } else {
    context.null();
  }
}

void block_by_hash(Context& context) {
  if (!hash_param(context, 0)) return;
  if (const auto number = existing_block(context, 0)) {
    append_block(context.out, context.node.chain(), *number, context.param(1) == "true");
  }
}

void transaction_count_by_block(Context& context) {
  if (const auto number = existing_block(context, 0)) {
    context.quantity(context.node.chain().transaction_count(*number));
  }
}

void uncle_count(Context& context) {
  if (existing_block(context, 0)) context.quantity(0);
}

void uncle(Context& context) {
  if (existing_block(context, 0)) context.null();
}

void block_receipts(Context& context) {
  if (const auto number = existing_block(context, 0)) {
    append_block_receipts(context.out, context.node.chain(), *number);
  }
}

void transaction_by_hash(Context& context) {
  const auto hash = hash_param(context, 0);
  if (!hash) return;
  if (const auto place = find_mined(context, *hash)) {
    append_transaction(context.out, context.node.chain(), *place);
  } else if (const auto sent = find_sent(context, *hash)) {
    append_sent_transaction(context.out, context.node.chain(), *sent);
  } else {
    context.null();
  }
}

void transaction_by_block_and_index(Context& context) {
  const auto index = quantity_param(context, 1);
  if (!index) return;
  const auto number = existing_block(context, 0);
  if (!number) return;
  if (*index < context.node.chain().transaction_count(*number)) {
    append_transaction(context.out, context.node.chain(),
                       {*number, static_cast<std::uint32_t>(*index)});
  } else {
    context.null();
  }
}

void transaction_receipt(Context& context) {
  const auto hash = hash_param(context, 0);
  if (!hash) return;
  if (const auto place = find_mined(context, *hash)) {
    append_receipt(context.out, context.node.chain(), *place);
    return;
  }
  const auto sent = find_sent(context, *hash);
  if (sent && sent->mined) {
    append_sent_receipt(context.out, context.node.chain(), *sent);
  } else {
    context.null();
  }
}

}  // namespace sluice::devnode::handlers
