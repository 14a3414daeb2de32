// SPDX-License-Identifier: Apache-2.0
// The queue's three kinds of trees, as its own two sources see them.
#pragma once

#include <algorithm>

#include "policy/queue.hpp"

namespace sluice::policy {

[[nodiscard]] inline std::size_t index_of(Priority priority) noexcept {
  return std::min(static_cast<std::size_t>(priority), kPriorities - 1);
}

/// One flow's waiters, the earliest deadline first.
template <class Queue>
struct WaitQueue::DeadlineViewOf {
  Queue& queue;

  [[nodiscard]] auto& links(std::uint32_t n) const noexcept { return queue.nodes_[n].by_deadline; }
  [[nodiscard]] std::uint32_t rank(std::uint32_t n) const noexcept { return queue.nodes_[n].rank; }
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const noexcept {
    const Node& x = queue.nodes_[a];
    const Node& y = queue.nodes_[b];
    if (x.waiter.deadline != y.waiter.deadline) return x.waiter.deadline < y.waiter.deadline;
    return x.arrival < y.arrival;
  }
  void refresh(std::uint32_t n) const noexcept {
    Node& node = queue.nodes_[n];
    node.deadline_below =
        node.waiter.upstreams | below(node.by_deadline.left) | below(node.by_deadline.right);
  }

  [[nodiscard]] UpstreamSet below(std::uint32_t n) const noexcept {
    return n == kNil ? UpstreamSet{0} : queue.nodes_[n].deadline_below;
  }
  [[nodiscard]] std::uint32_t first_for(std::uint32_t at, UpstreamSet bit) const noexcept {
    while ((below(at) & bit) != 0) {
      const Node& here = queue.nodes_[at];
      if ((below(here.by_deadline.left) & bit) != 0) {
        at = here.by_deadline.left;
      } else if ((here.waiter.upstreams & bit) != 0) {
        return at;
      } else {
        at = here.by_deadline.right;
      }
    }
    return kNil;
  }
  [[nodiscard]] std::uint32_t first(std::uint32_t at) const noexcept {
    while (links(at).left != kNil) at = links(at).left;
    return at;
  }
  [[nodiscard]] std::uint32_t last(std::uint32_t at) const noexcept {
    while (links(at).right != kNil) at = links(at).right;
    return at;
  }
};

/// The same, in the order in which they came.
template <class Queue>
struct WaitQueue::ArrivalViewOf {
  Queue& queue;

  [[nodiscard]] auto& links(std::uint32_t n) const noexcept { return queue.nodes_[n].by_arrival; }
  [[nodiscard]] std::uint32_t rank(std::uint32_t n) const noexcept { return queue.nodes_[n].rank; }
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const noexcept {
    return queue.nodes_[a].arrival < queue.nodes_[b].arrival;
  }
  void refresh(std::uint32_t n) const noexcept {
    Node& node = queue.nodes_[n];
    node.arrival_below =
        node.waiter.upstreams | below(node.by_arrival.left) | below(node.by_arrival.right);
  }

  [[nodiscard]] UpstreamSet below(std::uint32_t n) const noexcept {
    return n == kNil ? UpstreamSet{0} : queue.nodes_[n].arrival_below;
  }
  [[nodiscard]] std::uint32_t last_for(std::uint32_t at, UpstreamSet bit) const noexcept {
    while ((below(at) & bit) != 0) {
      const Node& here = queue.nodes_[at];
      if ((below(here.by_arrival.right) & bit) != 0) {
        at = here.by_arrival.right;
      } else if ((here.waiter.upstreams & bit) != 0) {
        return at;
      } else {
        at = here.by_arrival.left;
      }
    }
    return kNil;
  }
  [[nodiscard]] std::uint32_t first(std::uint32_t at) const noexcept {
    while (links(at).left != kNil) at = links(at).left;
    return at;
  }
};

/// One class's flows of one lane: whose client has had least is first.
template <class Queue>
struct WaitQueue::FlowViewOf {
  Queue& queue;

  [[nodiscard]] auto& links(std::uint32_t f) const noexcept { return queue.flows_[f].links; }
  [[nodiscard]] std::uint32_t rank(std::uint32_t f) const noexcept { return queue.flows_[f].rank; }
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const noexcept {
    const Party& x = queue.parties_[queue.flows_[a].party];
    const Party& y = queue.parties_[queue.flows_[b].party];
    return x.had != y.had ? x.had < y.had : x.turn < y.turn;
  }
  void refresh(std::uint32_t f) const noexcept {
    Flow& flow = queue.flows_[f];
    flow.below = queue.nodes_[flow.due_root].deadline_below;
    flow.earliest_below = flow.earliest;
    for (const std::uint32_t child : {flow.links.left, flow.links.right}) {
      if (child == kNil) continue;
      flow.below |= queue.flows_[child].below;
      flow.earliest_below = std::min(flow.earliest_below, queue.flows_[child].earliest_below);
    }
  }
};

}  // namespace sluice::policy
