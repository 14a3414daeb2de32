// SPDX-License-Identifier: Apache-2.0
// The subscriptions of a WebSocket session: what is pushed, and when.
#include <algorithm>
#include <string>
#include <utility>

#include "devnode/render.hpp"
#include "devnode/ws_session.hpp"

namespace sluice::devnode {
namespace {

/// A subscriber that was far behind (a long lag fault, a clock that jumped) gets only the newest
/// blocks.
constexpr std::uint64_t kCatchUpMax = 256;

}  // namespace

std::uint64_t WsSession::subscribe(SubscriptionKind kind, LogFilter filter) {
  const std::uint64_t id = worker_.node.next_subscription();
  subscriptions_.emplace(id, Subscription{.kind = kind, .filter = std::move(filter)});
  return id;
}

bool WsSession::unsubscribe(std::uint64_t id) {
  return subscriptions_.erase(id) > 0;
}

/// Called just before the reply that names the subscription is queued: events come after it, and
/// miss no block.
void WsSession::activate(std::uint64_t id) {
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return;
  at->second.active = true;
  at->second.next_block = worker_.node.view(worker_.engine.faults()).head + 1;
}

void WsSession::publish_heads() {
  if (subscriptions_.empty()) return;
  const std::uint64_t head = worker_.node.view(worker_.engine.faults()).head;
  for (auto& [id, subscription] : subscriptions_) {
    if (subscription.active) publish_blocks(id, subscription, head);
  }
}

void WsSession::publish_blocks(std::uint64_t id, Subscription& subscription, std::uint64_t head) {
  const bool heads = subscription.kind == SubscriptionKind::kHeads;
  if (!heads && subscription.kind != SubscriptionKind::kLogs) return;
  const Chain& chain = worker_.node.chain();
  std::uint64_t block = std::max(subscription.next_block, head - std::min(head, kCatchUpMax - 1));
  for (; block <= head; ++block) {
    std::string text;
    if (heads) {
      append_header(text, chain, block);
      push_event(id, text);
      continue;
    }
    for (const PlacedLog& log : matching_logs(chain, subscription.filter, block)) {
      text.clear();
      append_log(text, chain, log.transaction, log.index);
      push_event(id, text);
    }
  }
  subscription.next_block = std::max(subscription.next_block, head + 1);
}

void WsSession::publish_pending(const Bytes32& hash) {
  for (const auto& [id, subscription] : subscriptions_) {
    if (!subscription.active || subscription.kind != SubscriptionKind::kPending) continue;
    std::string text = "\"";
    append_hex(text, hash);
    text += '"';
    push_event(id, text);
  }
}

void WsSession::push_event(std::uint64_t id, std::string_view result) {
  Outgoing event;
  event.body = R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":")";
  append_quantity(event.body, id);
  event.body += "\",\"result\":";
  event.body += result;
  event.body += "}}";
  push(std::move(event));
}

}  // namespace sluice::devnode
