// SPDX-License-Identifier: Apache-2.0
#include "devnode/node.hpp"

#include <algorithm>
#include <utility>

#include "devnode/methods.hpp"

namespace sluice::devnode {

Node::Node(const ChainSpec& spec, std::string name, WallClock clock,
           std::shared_ptr<Mempool> mempool)
    : chain_(spec),
      name_(std::move(name)),
      clock_(clock ? std::move(clock) : WallClock(unix_time)),
      mempool_(mempool ? std::move(mempool) : std::make_shared<Mempool>()),
      stats_(methods().size()) {}

std::uint64_t Node::true_head() const {
  return chain_.head_at(clock_()) + mined_.load(std::memory_order_relaxed);
}

void Node::mine(std::uint64_t blocks) {
  mined_.fetch_add(blocks, std::memory_order_relaxed);
  if (on_mined) on_mined();
}

double Node::seconds_until_after(std::uint64_t head) const {
  if (chain_.spec().interval <= Duration::zero()) return -1;
  const std::uint64_t by_time = head + 1 - mined_.load(std::memory_order_relaxed);
  return std::max(chain_.appears_at(by_time) - clock_(), 0.0);
}

View Node::view(const Faults& faults) const {
  const std::uint64_t head = std::min(true_head(), faults.frozen_head.value_or(UINT64_MAX));
  return {.head = head - std::min(head, faults.lag_blocks),
          .chain_id = faults.chain_id.value_or(chain_.spec().chain_id)};
}

void Node::set_faults(Faults faults) {
  auto next = std::make_shared<const Faults>(std::move(faults));
  {
    const std::lock_guard lock(faults_mutex_);
    faults_ = std::move(next);
    faults_version_.fetch_add(1, std::memory_order_release);
  }
  if (on_faults) on_faults();
}

std::shared_ptr<const Faults> Node::faults() const {
  const std::lock_guard lock(faults_mutex_);
  return faults_;
}

Duration Node::take_turn(Duration work, std::uint64_t workers, TimePoint now) {
  const std::scoped_lock lock(turns_mutex_);
  free_at_.resize(static_cast<std::size_t>(workers), now);
  const auto first = std::ranges::min_element(free_at_);
  *first = std::max(*first, now) + work;
  return *first - now;
}

bool Node::send(const Bytes32& hash, std::uint64_t head) {
  stats_.count_sent(hash);
  if (!mempool_->add(hash, head)) return false;
  if (on_pending) on_pending(hash);
  return true;
}

}  // namespace sluice::devnode
