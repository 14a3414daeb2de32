// SPDX-License-Identifier: Apache-2.0
// The queue's book-keeping: waiters in flows, flows of clients, all of it in pools.
#include <algorithm>

#include "policy/queue_views.hpp"

namespace sluice::policy {
namespace {

/// The next free slot of a pool, whose free list runs through `next`.
template <class Slot, class Next>
std::uint32_t allocate(std::vector<Slot>& pool, std::uint32_t& free, Next next) {
  if (free == kNil) {
    pool.emplace_back();
    return static_cast<std::uint32_t>(pool.size() - 1);
  }
  const std::uint32_t slot = free;
  free = pool[slot].*next;
  return slot;
}

}  // namespace

std::uint32_t& WaitQueue::bucket_of(std::uint64_t client, std::uint8_t klass) noexcept {
  return buckets_[treap_rank(client * kPriorities + klass) & (buckets_.size() - 1)];
}

std::uint32_t WaitQueue::find_party(const Waiter& waiter) const noexcept {
  const auto klass = static_cast<std::uint8_t>(index_of(waiter.priority));
  const std::size_t bucket =
      treap_rank(waiter.client * kPriorities + klass) & (buckets_.size() - 1);
  for (std::uint32_t p = buckets_[bucket]; p != kNil; p = parties_[p].next) {
    if (parties_[p].client == waiter.client && parties_[p].klass == klass) return p;
  }
  return kNil;
}

std::uint32_t WaitQueue::make_party(const Waiter& waiter) {
  if (parties_used_ >= buckets_.size()) grow_buckets();
  const std::uint32_t slot = allocate(parties_, free_party_, &Party::next);
  const auto c = static_cast<std::uint8_t>(index_of(waiter.priority));
  Class& klass = classes_[c];
  std::uint32_t& bucket = bucket_of(waiter.client, c);
  parties_[slot] = {
      .client = waiter.client, .had = klass.time, .turn = turns_++, .next = bucket, .klass = c};
  bucket = slot;
  ++klass.parties;
  ++parties_used_;
  return slot;
}

void WaitQueue::grow_buckets() {
  std::vector<std::uint32_t> parties;
  for (std::uint32_t p : buckets_) {
    for (; p != kNil; p = parties_[p].next) parties.push_back(p);
  }
  buckets_.assign(buckets_.size() * 2, kNil);
  for (const std::uint32_t p : parties) {
    std::uint32_t& bucket = bucket_of(parties_[p].client, parties_[p].klass);
    parties_[p].next = bucket;
    bucket = p;
  }
}

void WaitQueue::release_party(std::uint32_t party) noexcept {
  Party& gone = parties_[party];
  std::uint32_t* link = &bucket_of(gone.client, gone.klass);
  while (*link != party) link = &parties_[*link].next;
  *link = gone.next;
  Class& klass = classes_[gone.klass];
  --klass.parties;
  if (klass.fattest == party) klass.fattest = kNil;
  --parties_used_;
  gone.next = free_party_;
  free_party_ = party;
}

std::uint32_t WaitQueue::flow_for(const Waiter& waiter) {
  std::uint32_t party = find_party(waiter);
  if (party == kNil) party = make_party(waiter);
  const auto lane = std::min(waiter.lane, static_cast<std::uint32_t>(since_shared_.size() - 1));
  for (std::uint32_t f = parties_[party].flows; f != kNil; f = flows_[f].next) {
    if (flows_[f].lane == lane) return f;
  }
  const std::uint32_t slot = allocate(flows_, free_flow_, &Flow::next);
  Flow& flow = flows_[slot];
  flow = {};
  flow.party = party;
  flow.lane = lane;
  flow.rank = treap_rank(flows_made_++);
  flow.next = parties_[party].flows;
  parties_[party].flows = slot;
  return slot;
}

void WaitQueue::release_flow(std::uint32_t flow) noexcept {
  const std::uint32_t party = flows_[flow].party;
  std::uint32_t* link = &parties_[party].flows;
  while (*link != flow) link = &flows_[*link].next;
  *link = flows_[flow].next;
  flows_[flow].next = free_flow_;
  free_flow_ = flow;
  if (parties_[party].flows == kNil) release_party(party);
}

WaitHandle WaitQueue::enter(const Waiter& waiter, TimePoint now) {
  const std::uint32_t slot = allocate(nodes_, free_node_, &Node::older);
  const std::uint32_t in = flow_for(waiter);
  Node& node = nodes_[slot];
  node.waiter = waiter;
  node.since = now;
  node.arrival = arrivals_++;
  node.rank = treap_rank(node.arrival);
  node.flow = in;
  node.waiting = true;
  Flow& flow = flows_[in];
  Treap(DeadlineViewOf{*this}, flow.due_root).insert(slot);
  Treap(ArrivalViewOf{*this}, flow.age_root).insert(slot);
  flow.earliest = nodes_[DeadlineViewOf{*this}.first(flow.due_root)].waiter.deadline;

  Party& party = parties_[flow.party];
  Class& klass = classes_[party.klass];
  Treap tree(FlowViewOf{*this}, klass.lanes[flow.lane]);
  if (flow.count++ == 0) {
    tree.insert(in);
  } else {
    tree.refresh_from(in);
  }
  ++party.count;
  if (klass.fattest == kNil || party.count > parties_[klass.fattest].count) {
    klass.fattest = flow.party;
  }
  node.older = klass.newest;
  node.newer = kNil;
  (klass.newest == kNil ? klass.oldest : nodes_[klass.newest].newer) = slot;
  klass.newest = slot;
  ++klass.count;
  ++waiting_;
  return {slot, node.generation};
}

Granted WaitQueue::remove(std::uint32_t slot, WaitEnd end) noexcept {
  Node& node = nodes_[slot];
  Flow& flow = flows_[node.flow];
  Party& party = parties_[flow.party];
  Class& klass = classes_[party.klass];
  Treap tree(FlowViewOf{*this}, klass.lanes[flow.lane]);
  if (flow.count == 1) tree.erase(node.flow);
  Treap(DeadlineViewOf{*this}, flow.due_root).erase(slot);
  Treap(ArrivalViewOf{*this}, flow.age_root).erase(slot);
  --party.count;
  if (--flow.count == 0) {
    release_flow(node.flow);
  } else {
    flow.earliest = nodes_[DeadlineViewOf{*this}.first(flow.due_root)].waiter.deadline;
    tree.refresh_from(node.flow);
  }
  (node.older == kNil ? klass.oldest : nodes_[node.older].newer) = node.newer;
  (node.newer == kNil ? klass.newest : nodes_[node.newer].older) = node.older;
  if (--klass.count == 0) static_cast<void>(klass.codel.drops(std::nullopt, TimePoint{}));
  --waiting_;

  const Granted granted{{slot, node.generation}, node.waiter, end};
  node.waiting = false;
  ++node.generation;
  node.older = free_node_;
  free_node_ = slot;
  return granted;
}

/// It has had one more: behind those of its class who have had less.
void WaitQueue::charge(std::uint32_t of) noexcept {
  Party& party = parties_[of];
  Class& klass = classes_[party.klass];
  for (std::uint32_t f = party.flows; f != kNil; f = flows_[f].next) {
    Treap(FlowViewOf{*this}, klass.lanes[flows_[f].lane]).erase(f);
  }
  klass.time = std::max(klass.time, party.had);
  party.had = std::max(party.had, klass.time - std::min(klass.time, kOwedMax)) + 1;
  party.turn = turns_++;
  for (std::uint32_t f = party.flows; f != kNil; f = flows_[f].next) {
    Treap(FlowViewOf{*this}, klass.lanes[flows_[f].lane]).insert(f);
  }
}

}  // namespace sluice::policy
