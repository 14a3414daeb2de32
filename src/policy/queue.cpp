// SPDX-License-Identifier: Apache-2.0
// Who comes in, who is next, and who has to leave. What is kept of whom: queue_flows.cpp.
#include "policy/queue.hpp"

#include <algorithm>

#include "policy/queue_views.hpp"

namespace sluice::policy {

WaitQueue::WaitQueue(const Options& options, std::size_t lanes)
    : options_(options), buckets_(16, kNil), since_shared_(std::max<std::size_t>(lanes, 1), 0) {
  for (Class& klass : classes_) klass.lanes.assign(since_shared_.size(), kNil);
}

std::size_t WaitQueue::size(Priority priority) const noexcept {
  return classes_[index_of(priority)].count;
}

bool WaitQueue::standing(Priority priority, TimePoint now) const noexcept {
  return stands(classes_[index_of(priority)], now);
}

/// A queue that clients keep full themselves, by so many calls in flight as they wish, stands too;
/// it is no overload. Nor is one above others that wait: those pay first.
bool WaitQueue::stands(const Class& klass, TimePoint now) const noexcept {
  return klass.count > 0 && klass.codel.standing(now) && shedding_.overloaded() && lowest(klass);
}

bool WaitQueue::lowest(const Class& klass) const noexcept {
  for (std::size_t c = kPriorities; c-- > 0 && &classes_[c] != &klass;) {
    if (classes_[c].count > 0) return false;
  }
  return true;
}

bool WaitQueue::any_standing(TimePoint now) const noexcept {
  return std::ranges::any_of(
      classes_, [now](const Class& klass) { return klass.count > 0 && klass.codel.standing(now); });
}

bool WaitQueue::light(const Waiter& waiter) const noexcept {
  const std::uint32_t party = find_party(waiter);
  const Class& klass = classes_[index_of(waiter.priority)];
  return party == kNil || parties_[party].count * klass.parties < klass.count;
}

std::expected<Pushed, PushRefusal> WaitQueue::push(const Waiter& waiter, TimePoint now) {
  if (waiter.upstreams == 0) return std::unexpected(PushRefusal::kNoUpstream);
  if (waiter.deadline <= now) return std::unexpected(PushRefusal::kExpired);
  shedding_.settle(now, any_standing(now));
  if (shedding_.refuses(waiter.priority, light(waiter))) {
    return std::unexpected(PushRefusal::kShed);
  }
  Pushed pushed;
  if (waiting_ >= options_.max) {
    const std::uint32_t victim = victim_for(waiter, now);
    if (victim == kNil) return std::unexpected(PushRefusal::kFull);
    pushed.displaced = remove(victim, WaitEnd::kDisplaced);
  }
  pushed.handle = enter(waiter, now);
  return pushed;
}

/// Somebody of the lowest class that waits, if it is below the newcomer's; of its own, somebody of
/// the client who has most waiting, if that is more than the newcomer's has.
std::uint32_t WaitQueue::victim_for(const Waiter& waiter, TimePoint now) const noexcept {
  std::size_t c = kPriorities;
  while (c > 0 && classes_[c - 1].count == 0) --c;
  if (c == 0 || --c < index_of(waiter.priority)) return kNil;
  const Class& klass = classes_[c];
  std::uint32_t party = klass.fattest;
  if (party == kNil) party = flows_[nodes_[klass.newest].flow].party;
  if (c == index_of(waiter.priority)) {
    const std::uint32_t own = find_party(waiter);
    const std::uint32_t after = (own == kNil ? 0 : parties_[own].count) + 1;
    if (parties_[party].count <= after) return kNil;
  }
  std::uint32_t flow = parties_[party].flows;
  for (std::uint32_t f = flow; f != kNil; f = flows_[f].next) {
    if (flows_[f].count > flows_[flow].count) flow = f;
  }
  // Who would be served last.
  return stands(klass, now) ? ArrivalViewOf{*this}.first(flows_[flow].age_root)
                            : DeadlineViewOf{*this}.last(flows_[flow].due_root);
}

std::uint32_t WaitQueue::stale(TimePoint now) noexcept {
  for (Class& klass : classes_) {
    if (klass.count == 0) continue;
    const bool drops = klass.codel.drops(now - nodes_[klass.oldest].since, now);
    if (drops && shedding_.overloaded() && lowest(klass)) return klass.oldest;
  }
  return kNil;
}

bool WaitQueue::wanted(const Class& klass, UpstreamSet bit) const noexcept {
  return std::ranges::any_of(klass.lanes, [&](std::uint32_t root) {
    return root != kNil && (flows_[root].below & bit) != 0;
  });
}

std::uint32_t WaitQueue::choose_class(UpstreamSet bit) noexcept {
  std::uint32_t most_important = kNil;
  std::uint32_t longest = kNil;
  for (std::uint32_t c = 0; c < kPriorities; ++c) {
    if (!wanted(classes_[c], bit)) continue;
    if (most_important == kNil) most_important = c;
    if (longest == kNil ||
        nodes_[classes_[c].oldest].arrival < nodes_[classes_[longest].oldest].arrival) {
      longest = c;
    }
  }
  if (most_important == kNil) return kNil;
  reserve_due_ += options_.reserve;
  if (reserve_due_ < 1.0) return most_important;
  reserve_due_ -= 1.0;
  return longest;
}

std::uint32_t WaitQueue::first_flow(std::uint32_t root, UpstreamSet bit) const noexcept {
  const auto below = [this](std::uint32_t f) { return f == kNil ? 0 : flows_[f].below; };
  std::uint32_t at = root;
  while ((below(at) & bit) != 0) {
    const Flow& flow = flows_[at];
    if ((below(flow.links.left) & bit) != 0) {
      at = flow.links.left;
    } else if ((nodes_[flow.due_root].deadline_below & bit) != 0) {
      return at;
    } else {
      at = flow.links.right;
    }
  }
  return kNil;
}

std::uint32_t WaitQueue::choose(const Flow& flow, UpstreamSet bit, TimePoint now) const noexcept {
  return stands(classes_[parties_[flow.party].klass], now)
             ? ArrivalViewOf{*this}.last_for(flow.age_root, bit)
             : DeadlineViewOf{*this}.first_for(flow.due_root, bit);
}

std::uint32_t WaitQueue::least_served(const Class& klass, UpstreamSet bit,
                                      TimePoint now) const noexcept {
  std::uint32_t best = kNil;
  for (const std::uint32_t root : klass.lanes) {
    const std::uint32_t flow = first_flow(root, bit);
    if (flow == kNil) continue;
    if (best == kNil) {
      best = flow;
    } else if (flows_[flow].party != flows_[best].party) {
      if (FlowViewOf{*this}.before(flow, best)) best = flow;
    } else {
      const std::uint32_t a = choose(flows_[flow], bit, now);
      const std::uint32_t b = choose(flows_[best], bit, now);
      const bool newest = stands(klass, now);
      if (newest ? ArrivalViewOf{*this}.before(b, a) : DeadlineViewOf{*this}.before(a, b))
        best = flow;
    }
  }
  return best;
}

/// While a class stands: what has waited too long is not worth a place that somebody could have who
/// has just come.
bool WaitQueue::outlived(const Class& klass, std::uint32_t node, TimePoint now) const noexcept {
  return stands(klass, now) && now - nodes_[node].since > kStaleAfter &&
         now - nodes_[klass.newest].since <= kFresh;
}

std::optional<Granted> WaitQueue::pop_for(std::uint32_t upstream, std::uint32_t lane,
                                          TimePoint now) noexcept {
  shedding_.settle(now, any_standing(now));
  if (const std::uint32_t node = stale(now); node != kNil) return remove(node, WaitEnd::kStale);
  const UpstreamSet bit = bit_of(upstream);
  const std::uint32_t c = choose_class(bit);
  if (c == kNil) return std::nullopt;
  const Class& klass = classes_[c];
  std::uint32_t flow = least_served(klass, bit, now);
  if (lane < klass.lanes.size() && flows_[flow].lane != lane) {
    const std::uint32_t own = first_flow(klass.lanes[lane], bit);
    if (own != kNil && ++since_shared_[lane] % kShareEvery != 0) flow = own;
  }
  const std::uint32_t node = choose(flows_[flow], bit, now);
  if (outlived(klass, node, now)) return remove(node, WaitEnd::kStale);
  shedding_.served();
  charge(flows_[flow].party);
  return remove(node, WaitEnd::kGranted);
}

void WaitQueue::place_withdrawn(TimePoint now) noexcept {
  shedding_.settle(now, any_standing(now));
  shedding_.served();
}

std::uint32_t WaitQueue::earliest() const noexcept {
  std::uint32_t best = kNil;
  for (const Class& klass : classes_) {
    for (const std::uint32_t root : klass.lanes) {
      if (root == kNil) continue;
      if (best == kNil || flows_[root].earliest_below < flows_[best].earliest_below) best = root;
    }
  }
  if (best == kNil) return kNil;
  const TimePoint when = flows_[best].earliest_below;
  while (flows_[best].earliest != when) {
    const TreapLinks& links = flows_[best].links;
    const bool left = links.left != kNil && flows_[links.left].earliest_below == when;
    best = left ? links.left : links.right;
  }
  return DeadlineViewOf{*this}.first(flows_[best].due_root);
}

std::optional<Granted> WaitQueue::expire(TimePoint now) noexcept {
  const std::uint32_t node = earliest();
  if (node == kNil || nodes_[node].waiter.deadline > now) return std::nullopt;
  return remove(node, WaitEnd::kExpired);
}

bool WaitQueue::cancel(WaitHandle handle) noexcept {
  if (handle.slot >= nodes_.size()) return false;
  const Node& node = nodes_[handle.slot];
  if (!node.waiting || node.generation != handle.generation) return false;
  remove(handle.slot, WaitEnd::kExpired);
  return true;
}

}  // namespace sluice::policy
