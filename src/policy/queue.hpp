// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "policy/codel.hpp"
#include "policy/priority.hpp"
#include "policy/shedding.hpp"
#include "policy/treap.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {

struct Waiter {
  Priority priority = Priority::kNormal;
  TimePoint deadline{};       ///< from then on it cannot be answered in time
  UpstreamSet upstreams = 0;  ///< those it may use
  std::uint64_t client = 0;   ///< who shares with the others of its class
  std::uint32_t lane = 0;     ///< where it waits: what is free in its own lane suits it best
  std::uint64_t call = 0;     ///< the caller's own key
};

/// Names one stay in the queue; stays invalid for ever once that has ended, also when its slot is
/// used again.
struct WaitHandle {
  std::uint32_t slot = ~0U;
  std::uint32_t generation = 0;

  friend bool operator==(const WaitHandle&, const WaitHandle&) = default;
};

enum class WaitEnd : std::uint8_t {
  kGranted,
  kExpired,
  kStale,      ///< the queue stands, and it has waited longest
  kDisplaced,  ///< the queue was full, and it the least important
};

/// A stay that has ended.
struct Granted {
  WaitHandle handle;
  Waiter waiter;
  WaitEnd end = WaitEnd::kGranted;
};

struct Pushed {
  WaitHandle handle;
  std::optional<Granted> displaced;  ///< who had to leave for it
};

enum class PushRefusal : std::uint8_t {
  kFull,
  kShed,        ///< more comes in than is served, and this class is the next to go without
  kExpired,     ///< its deadline has passed already
  kNoUpstream,  ///< it may use none, so nothing could ever wake it
};

/// The calls of one chain that wait for capacity. Pure: the owner (one per chain) guards it with
/// its own short mutex and tells those who leave. What becomes free goes to
/// 1. the most important class (a share of grants, the reserve, to the one that has waited
/// longest);
/// 2. in it, the client who has had least (virtual time, start-time fair queueing), whatever its
///    lane; but the lane in which it became free is asked first, and only one grant in sixteen of
///    those that it would keep for itself goes to the client who has had least of all;
/// 3. of that client, the earliest deadline; while the class's queue stands (CoDel), the newest, so
///    that what is served is served soon, and the oldest leave one by one.
/// Sheds the lowest class first: at the door while a queue stands (LoadShedding), and when it is
/// full. Treaps whose nodes know the union of the upstreams below them, so every step is O(log n)
/// however the sets differ. Nothing is allocated once as many have waited at one time as ever will.
/// It does not know connections, and it grants a waiter past its deadline unless expire() was
/// called before.
class WaitQueue {
 public:
  struct Options {
    std::uint32_t max = 10000;
    double reserve = 0.0;  ///< 0 for strict order
  };

  explicit WaitQueue(const Options& options, std::size_t lanes = 1);

  [[nodiscard]] std::expected<Pushed, PushRefusal> push(const Waiter& waiter, TimePoint now);
  /// Takes out who gets what `upstream` has free in `lane`, or somebody who is to leave with
  /// nothing (`end` says so): call again then. Nothing when nobody may use it.
  [[nodiscard]] std::optional<Granted> pop_for(std::uint32_t upstream, std::uint32_t lane,
                                               TimePoint now) noexcept;
  /// Takes out one waiter whose deadline is not after `now`; call until it returns nothing.
  [[nodiscard]] std::optional<Granted> expire(TimePoint now) noexcept;
  /// False when that stay has ended already.
  bool cancel(WaitHandle handle) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t size(Priority priority) const noexcept;
  [[nodiscard]] bool standing(Priority priority, TimePoint now) const noexcept;
  /// A place whose call has ended is given to nobody, since the upstream is to have fewer: who had
  /// it comes here next, which is no sign that more comes in than before.
  void place_withdrawn(TimePoint now) noexcept;
  /// New bounds after a reload; who waits already stays.
  void set(const Options& options) noexcept { options_ = options; }

 private:
  /// Of a lane's grants that it would keep, every so many'th goes to the client who has had least.
  static constexpr std::uint32_t kShareEvery = 16;
  static constexpr Duration kStaleAfter = 3 * CoDel::kTarget;
  static constexpr Duration kFresh = kStaleAfter / 2;
  /// A client whose upstreams were busy is not owed more than so many grants.
  static constexpr std::uint64_t kOwedMax = 8;

  struct Node {
    Waiter waiter;
    TimePoint since{};
    std::uint64_t arrival = 0;
    TreapLinks by_deadline;
    TreapLinks by_arrival;
    UpstreamSet deadline_below = 0;  ///< union of the upstreams of this node and its children
    UpstreamSet arrival_below = 0;
    std::uint32_t flow = kNil;
    std::uint32_t older = kNil;  ///< of its class; the next free slot while free
    std::uint32_t newer = kNil;
    std::uint32_t rank = 0;
    std::uint32_t generation = 0;
    bool waiting = false;
  };
  /// One client's waiters of one class in one lane.
  struct Flow {
    TreapLinks links;
    TimePoint earliest{};        ///< deadline of its own
    TimePoint earliest_below{};  ///< and of those below it
    UpstreamSet below = 0;
    std::uint32_t due_root = kNil;
    std::uint32_t age_root = kNil;
    std::uint32_t count = 0;
    std::uint32_t party = kNil;
    std::uint32_t lane = 0;
    std::uint32_t next = kNil;  ///< of the same party; the next free slot while free
    std::uint32_t rank = 0;
  };
  /// One client in one class.
  struct Party {
    std::uint64_t client = 0;
    std::uint64_t had = 0;   ///< virtual time: grants, counted from the class's own time
    std::uint64_t turn = 0;  ///< among clients who have had as much
    std::uint32_t flows = kNil;
    std::uint32_t count = 0;
    std::uint32_t next = kNil;  ///< in its bucket; the next free slot while free
    std::uint8_t klass = 0;
  };
  struct Class {
    std::vector<std::uint32_t> lanes;  ///< roots of the flows
    std::size_t count = 0;
    std::size_t parties = 0;
    std::uint64_t time = 0;
    std::uint32_t oldest = kNil;
    std::uint32_t newest = kNil;
    std::uint32_t fattest = kNil;  ///< about: who had most waiting when somebody last came in
    CoDel codel;
  };
  template <class Queue>
  struct DeadlineViewOf;
  template <class Queue>
  struct ArrivalViewOf;
  template <class Queue>
  struct FlowViewOf;

  [[nodiscard]] WaitHandle enter(const Waiter& waiter, TimePoint now);
  Granted remove(std::uint32_t slot, WaitEnd end) noexcept;
  [[nodiscard]] std::uint32_t flow_for(const Waiter& waiter);
  void release_flow(std::uint32_t flow) noexcept;
  [[nodiscard]] std::uint32_t find_party(const Waiter& waiter) const noexcept;
  [[nodiscard]] std::uint32_t make_party(const Waiter& waiter);
  void release_party(std::uint32_t party) noexcept;
  void charge(std::uint32_t of) noexcept;
  void grow_buckets();
  [[nodiscard]] std::uint32_t& bucket_of(std::uint64_t client, std::uint8_t klass) noexcept;

  [[nodiscard]] std::uint32_t first_flow(std::uint32_t root, UpstreamSet bit) const noexcept;
  [[nodiscard]] std::uint32_t least_served(const Class& klass, UpstreamSet bit,
                                           TimePoint now) const noexcept;
  [[nodiscard]] std::uint32_t choose(const Flow& flow, UpstreamSet bit,
                                     TimePoint now) const noexcept;
  [[nodiscard]] std::uint32_t choose_class(UpstreamSet bit) noexcept;
  [[nodiscard]] bool wanted(const Class& klass, UpstreamSet bit) const noexcept;
  [[nodiscard]] std::uint32_t stale(TimePoint now) noexcept;
  [[nodiscard]] bool outlived(const Class& klass, std::uint32_t node, TimePoint now) const noexcept;
  [[nodiscard]] std::uint32_t victim_for(const Waiter& waiter, TimePoint now) const noexcept;
  [[nodiscard]] std::uint32_t earliest() const noexcept;
  [[nodiscard]] bool light(const Waiter& waiter) const noexcept;
  [[nodiscard]] bool stands(const Class& klass, TimePoint now) const noexcept;
  /// Nobody of a lower class waits.
  [[nodiscard]] bool lowest(const Class& klass) const noexcept;
  [[nodiscard]] bool any_standing(TimePoint now) const noexcept;

  Options options_;
  std::vector<Node> nodes_;
  std::vector<Flow> flows_;
  std::vector<Party> parties_;
  std::vector<std::uint32_t> buckets_;
  std::array<Class, kPriorities> classes_;
  /// By lane: grants since one went to the client who has had least of all.
  std::vector<std::uint32_t> since_shared_;
  LoadShedding shedding_;
  std::size_t waiting_ = 0;
  std::uint32_t free_node_ = kNil;
  std::uint32_t free_flow_ = kNil;
  std::uint32_t free_party_ = kNil;
  std::size_t parties_used_ = 0;
  std::uint64_t arrivals_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t flows_made_ = 0;
  double reserve_due_ = 0.0;
};

}  // namespace sluice::policy
