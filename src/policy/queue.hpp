// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "policy/upstream_set.hpp"

namespace sluice::policy {

/// Most important first.
enum class Priority : std::uint8_t { kCritical, kHigh, kNormal, kLow };
inline constexpr std::size_t kPriorities = 4;

struct Waiter {
  Priority priority = Priority::kNormal;
  TimePoint deadline{};
  UpstreamSet upstreams = 0;  ///< those it may use
  std::uint64_t client = 0;   ///< who waits, for the caller's shares and accounts
  std::uint64_t call = 0;     ///< the caller's own key
};

/// Names one stay in the queue; stays invalid for ever once that has ended, also when its slot is
/// used again.
struct WaitHandle {
  std::uint32_t slot = ~0U;
  std::uint32_t generation = 0;

  friend bool operator==(const WaitHandle&, const WaitHandle&) = default;
};

struct Granted {
  WaitHandle handle;
  Waiter waiter;
};

enum class PushRefusal : std::uint8_t {
  kFull,
  kExpired,     ///< its deadline has passed already
  kNoUpstream,  ///< it may use none, so nothing could ever wake it
};

/// The calls of one chain that wait for capacity. Pure: the owner (one per chain) guards it with
/// its own short mutex and wakes whom it is told to. Per priority a treap ordered by deadline, then
/// arrival; each node knows the union of the upstreams below it, so the most urgent waiter for one
/// upstream is found in O(log n) however the sets differ. Nothing is allocated once as many have
/// waited at one time as ever will. It does not know connections, and it hands out a waiter past
/// its deadline unless expire() was called before.
class WaitQueue {
 public:
  struct Options {
    std::uint32_t max = 10000;
    /// Share of grants that go to the earliest deadline of any priority, so that no class starves;
    /// 0 for strict order.
    double reserve = 0.0;
  };

  explicit WaitQueue(const Options& options);

  [[nodiscard]] std::expected<WaitHandle, PushRefusal> push(const Waiter& waiter, TimePoint now);
  /// Takes out the most urgent waiter that may use this upstream: highest priority, then earliest
  /// deadline.
  [[nodiscard]] std::optional<Granted> pop_for(std::uint32_t upstream) noexcept;
  /// Whom pop_for() would take out, shares of other priorities left aside; null when nobody. Valid
  /// until the queue changes.
  [[nodiscard]] const Waiter* next_for(std::uint32_t upstream) const noexcept;
  /// Takes out one waiter whose deadline is not after `now`; call until it returns nothing.
  [[nodiscard]] std::optional<Granted> expire(TimePoint now) noexcept;
  /// False when that stay has ended already.
  bool cancel(WaitHandle handle) noexcept;

  /// When expire() will have something to do; nothing when nobody waits.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t size(Priority priority) const noexcept;
  /// New bounds after a reload; who waits already stays.
  void set(const Options& options) noexcept { options_ = options; }

 private:
  static constexpr std::uint32_t kNil = ~0U;

  struct Node {
    Waiter waiter;
    std::uint64_t arrival = 0;
    UpstreamSet below = 0;  ///< union of the upstreams of this node and its children
    std::uint32_t parent = kNil;
    std::uint32_t left = kNil;  ///< the next free slot while free
    std::uint32_t right = kNil;
    std::uint32_t rank = 0;  ///< treap order: no node has a greater one than its parent
    std::uint32_t generation = 0;
    bool waiting = false;
  };
  struct Tree {
    std::uint32_t root = kNil;
    std::size_t count = 0;
  };

  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const noexcept;
  [[nodiscard]] UpstreamSet below(std::uint32_t node) const noexcept;
  [[nodiscard]] std::uint32_t first_for(const Tree& tree, UpstreamSet bit) const noexcept;
  [[nodiscard]] std::uint32_t most_urgent(UpstreamSet bit) const noexcept;
  [[nodiscard]] std::uint32_t earliest(UpstreamSet bit) const noexcept;
  [[nodiscard]] Tree& tree_of(std::uint32_t node) noexcept;
  [[nodiscard]] std::uint32_t allocate();
  void refresh(std::uint32_t node) noexcept;
  void replace_child(std::uint32_t parent, std::uint32_t from, std::uint32_t to,
                     Tree& tree) noexcept;
  void rotate_up(std::uint32_t node, Tree& tree) noexcept;
  void insert(std::uint32_t node) noexcept;
  Granted remove(std::uint32_t node) noexcept;

  Options options_;
  std::vector<Node> nodes_;
  std::array<Tree, kPriorities> trees_;
  std::uint32_t free_ = kNil;
  std::uint64_t arrivals_ = 0;
  double reserve_due_ = 0.0;
};

}  // namespace sluice::policy
