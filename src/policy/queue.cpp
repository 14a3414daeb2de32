// SPDX-License-Identifier: Apache-2.0
#include "policy/queue.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

constexpr UpstreamSet kAny = ~UpstreamSet{0};

/// Scatters arrival numbers into treap ranks (the finaliser of splitmix64): balance needs ranks
/// that are unrelated to the order of deadlines, not secret ones.
std::uint32_t rank_of(std::uint64_t arrival) noexcept {
  std::uint64_t z = (arrival + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<std::uint32_t>(z >> 32);
}

std::size_t class_of(Priority priority) noexcept {
  return std::min(static_cast<std::size_t>(priority), kPriorities - 1);
}

}  // namespace

WaitQueue::WaitQueue(const Options& options) : options_(options) {}

std::expected<WaitHandle, PushRefusal> WaitQueue::push(const Waiter& waiter, TimePoint now) {
  if (waiter.upstreams == 0) return std::unexpected(PushRefusal::kNoUpstream);
  if (waiter.deadline <= now) return std::unexpected(PushRefusal::kExpired);
  if (size() >= options_.max) return std::unexpected(PushRefusal::kFull);
  const std::uint32_t slot = allocate();
  Node& node = nodes_[slot];
  node.waiter = waiter;
  node.arrival = arrivals_++;
  node.rank = rank_of(node.arrival);
  node.waiting = true;
  insert(slot);
  return WaitHandle{slot, node.generation};
}

std::uint32_t WaitQueue::most_urgent(UpstreamSet bit) const noexcept {
  for (const Tree& tree : trees_) {
    if (const std::uint32_t node = first_for(tree, bit); node != kNil) return node;
  }
  return kNil;
}

const Waiter* WaitQueue::next_for(std::uint32_t upstream) const noexcept {
  const std::uint32_t node = most_urgent(bit_of(upstream));
  return node == kNil ? nullptr : &nodes_[node].waiter;
}

std::optional<Granted> WaitQueue::pop_for(std::uint32_t upstream) noexcept {
  const UpstreamSet bit = bit_of(upstream);
  std::uint32_t chosen = most_urgent(bit);
  if (chosen == kNil) return std::nullopt;
  reserve_due_ += options_.reserve;
  if (reserve_due_ >= 1.0) {
    reserve_due_ -= 1.0;
    chosen = earliest(bit);
  }
  return remove(chosen);
}

std::optional<Granted> WaitQueue::expire(TimePoint now) noexcept {
  const std::uint32_t node = earliest(kAny);
  if (node == kNil || nodes_[node].waiter.deadline > now) return std::nullopt;
  return remove(node);
}

bool WaitQueue::cancel(WaitHandle handle) noexcept {
  if (handle.slot >= nodes_.size()) return false;
  const Node& node = nodes_[handle.slot];
  if (!node.waiting || node.generation != handle.generation) return false;
  remove(handle.slot);
  return true;
}

std::optional<TimePoint> WaitQueue::next_deadline() const noexcept {
  const std::uint32_t node = earliest(kAny);
  if (node == kNil) return std::nullopt;
  return nodes_[node].waiter.deadline;
}

std::size_t WaitQueue::size() const noexcept {
  std::size_t total = 0;
  for (const Tree& tree : trees_) total += tree.count;
  return total;
}

std::size_t WaitQueue::size(Priority priority) const noexcept {
  return trees_[class_of(priority)].count;
}

bool WaitQueue::before(std::uint32_t a, std::uint32_t b) const noexcept {
  const Node& x = nodes_[a];
  const Node& y = nodes_[b];
  if (x.waiter.deadline != y.waiter.deadline) return x.waiter.deadline < y.waiter.deadline;
  return x.arrival < y.arrival;
}

UpstreamSet WaitQueue::below(std::uint32_t node) const noexcept {
  return node == kNil ? UpstreamSet{0} : nodes_[node].below;
}

std::uint32_t WaitQueue::first_for(const Tree& tree, UpstreamSet bit) const noexcept {
  std::uint32_t node = tree.root;
  while ((below(node) & bit) != 0) {
    const Node& here = nodes_[node];
    if ((below(here.left) & bit) != 0) {
      node = here.left;
    } else if ((here.waiter.upstreams & bit) != 0) {
      return node;
    } else {
      node = here.right;
    }
  }
  return kNil;
}

std::uint32_t WaitQueue::earliest(UpstreamSet bit) const noexcept {
  std::uint32_t best = kNil;
  for (const Tree& tree : trees_) {
    const std::uint32_t node = first_for(tree, bit);
    if (node != kNil && (best == kNil || before(node, best))) best = node;
  }
  return best;
}

WaitQueue::Tree& WaitQueue::tree_of(std::uint32_t node) noexcept {
  return trees_[class_of(nodes_[node].waiter.priority)];
}

std::uint32_t WaitQueue::allocate() {
  if (free_ == kNil) {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  const std::uint32_t slot = free_;
  free_ = nodes_[slot].left;
  return slot;
}

void WaitQueue::refresh(std::uint32_t node) noexcept {
  Node& here = nodes_[node];
  here.below = here.waiter.upstreams | below(here.left) | below(here.right);
}

void WaitQueue::replace_child(std::uint32_t parent, std::uint32_t from, std::uint32_t to,
                              Tree& tree) noexcept {
  if (parent == kNil) {
    tree.root = to;
  } else if (nodes_[parent].left == from) {
    nodes_[parent].left = to;
  } else {
    nodes_[parent].right = to;
  }
  if (to != kNil) nodes_[to].parent = parent;
}

void WaitQueue::rotate_up(std::uint32_t node, Tree& tree) noexcept {
  const std::uint32_t parent = nodes_[node].parent;
  const bool was_left = nodes_[parent].left == node;
  const std::uint32_t moved = was_left ? nodes_[node].right : nodes_[node].left;
  replace_child(nodes_[parent].parent, parent, node, tree);
  (was_left ? nodes_[parent].left : nodes_[parent].right) = moved;
  if (moved != kNil) nodes_[moved].parent = parent;
  (was_left ? nodes_[node].right : nodes_[node].left) = parent;
  nodes_[parent].parent = node;
  refresh(parent);
  refresh(node);
}

void WaitQueue::insert(std::uint32_t node) noexcept {
  Tree& tree = tree_of(node);
  Node& fresh = nodes_[node];
  fresh.left = fresh.right = fresh.parent = kNil;
  fresh.below = fresh.waiter.upstreams;
  std::uint32_t at = tree.root;
  bool goes_left = false;
  while (at != kNil) {
    fresh.parent = at;
    nodes_[at].below |= fresh.below;
    goes_left = before(node, at);
    at = goes_left ? nodes_[at].left : nodes_[at].right;
  }
  if (fresh.parent == kNil) {
    tree.root = node;
  } else {
    (goes_left ? nodes_[fresh.parent].left : nodes_[fresh.parent].right) = node;
  }
  while (fresh.parent != kNil && fresh.rank > nodes_[fresh.parent].rank) rotate_up(node, tree);
  ++tree.count;
}

Granted WaitQueue::remove(std::uint32_t node) noexcept {
  Tree& tree = tree_of(node);
  Node& gone = nodes_[node];
  while (gone.left != kNil && gone.right != kNil) {
    const bool left_rises = nodes_[gone.left].rank > nodes_[gone.right].rank;
    rotate_up(left_rises ? gone.left : gone.right, tree);
  }
  const std::uint32_t child = gone.left != kNil ? gone.left : gone.right;
  replace_child(gone.parent, node, child, tree);
  for (std::uint32_t up = gone.parent; up != kNil; up = nodes_[up].parent) refresh(up);
  --tree.count;

  const Granted granted{{node, gone.generation}, gone.waiter};
  gone.waiting = false;
  ++gone.generation;
  gone.left = free_;
  free_ = node;
  return granted;
}

}  // namespace sluice::policy
