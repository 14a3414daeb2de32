// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sluice::policy {

inline constexpr std::uint32_t kNil = ~0U;

/// One node's place in one treap; kNil for none.
struct TreapLinks {
  std::uint32_t parent = kNil;
  std::uint32_t left = kNil;
  std::uint32_t right = kNil;
};

/// Scatters numbers into treap ranks (the finaliser of splitmix64): balance needs ranks that are
/// unrelated to the order of keys, not secret ones.
[[nodiscard]] constexpr std::uint32_t treap_rank(std::uint64_t number) noexcept {
  std::uint64_t z = (number + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<std::uint32_t>(z >> 32);
}

/// A binary search tree of nodes that live in somebody else's pool and are named by their index,
/// kept balanced by random ranks: insertion and removal in O(log n) expected, without allocating.
/// `View` is a cheap handle on the pool:
///   TreapLinks& links(node), std::uint32_t rank(node), bool before(a, b) (a strict total order),
///   void refresh(node): works out anew what the node tells of itself and its children.
template <class View>
class Treap {
 public:
  Treap(View view, std::uint32_t& root) noexcept : view_(view), root_(root) {}

  void insert(std::uint32_t node) noexcept {
    TreapLinks& fresh = view_.links(node);
    fresh = {};
    bool goes_left = false;
    for (std::uint32_t at = root_; at != kNil;) {
      fresh.parent = at;
      goes_left = view_.before(node, at);
      at = goes_left ? view_.links(at).left : view_.links(at).right;
    }
    if (fresh.parent == kNil) {
      root_ = node;
    } else {
      (goes_left ? view_.links(fresh.parent).left : view_.links(fresh.parent).right) = node;
    }
    view_.refresh(node);
    while (fresh.parent != kNil && view_.rank(node) > view_.rank(fresh.parent)) rotate_up(node);
    refresh_above(node);
  }

  void erase(std::uint32_t node) noexcept {
    TreapLinks& gone = view_.links(node);
    while (gone.left != kNil && gone.right != kNil) {
      rotate_up(view_.rank(gone.left) > view_.rank(gone.right) ? gone.left : gone.right);
    }
    replace_child(gone.parent, node, gone.left != kNil ? gone.left : gone.right);
    refresh_above(node);
  }

  /// After something that the node tells of itself has changed, its key apart.
  void refresh_from(std::uint32_t node) noexcept {
    view_.refresh(node);
    refresh_above(node);
  }

 private:
  void refresh_above(std::uint32_t node) noexcept {
    for (std::uint32_t up = view_.links(node).parent; up != kNil; up = view_.links(up).parent) {
      view_.refresh(up);
    }
  }

  void replace_child(std::uint32_t parent, std::uint32_t from, std::uint32_t to) noexcept {
    if (parent == kNil) {
      root_ = to;
    } else if (view_.links(parent).left == from) {
      view_.links(parent).left = to;
    } else {
      view_.links(parent).right = to;
    }
    if (to != kNil) view_.links(to).parent = parent;
  }

  void rotate_up(std::uint32_t node) noexcept {
    TreapLinks& up = view_.links(node);
    const std::uint32_t parent = up.parent;
    TreapLinks& down = view_.links(parent);
    const bool was_left = down.left == node;
    const std::uint32_t moved = was_left ? up.right : up.left;
    replace_child(down.parent, parent, node);
    (was_left ? down.left : down.right) = moved;
    if (moved != kNil) view_.links(moved).parent = parent;
    (was_left ? up.right : up.left) = parent;
    down.parent = node;
    view_.refresh(parent);
    view_.refresh(node);
  }

  View view_;
  std::uint32_t& root_;
};

}  // namespace sluice::policy
