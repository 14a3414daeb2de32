// SPDX-License-Identifier: Apache-2.0
#include "net/timer_wheel.hpp"

#include <bit>

namespace sluice::net {

namespace {
constexpr Duration kTick = std::chrono::milliseconds(1);
}

void Deadline::set(TimePoint when) {
  when_ = when;
  if (when == TimePoint::max()) return;
  const std::uint64_t tick = wheel_.tick_of(when);
  // Armed earlier already: the wheel looks again at that time.
  if (armed_tick_ <= tick) return;
  unlink();
  wheel_.link(*this, tick);
}

void Deadline::unlink() noexcept {
  if (armed_tick_ == UINT64_MAX) return;
  wheel_.remove(*this);
}

TimerWheel::TimerWheel(asio::io_context& io) : timer_(io), start_(now()) {}

TimerWheel::~TimerWheel() {
  for (Deadline*& slot : slots_) {
    while (slot != nullptr) remove(*slot);
  }
}

std::uint64_t TimerWheel::tick_of(TimePoint when) const noexcept {
  if (when <= start_) return 0;
  return static_cast<std::uint64_t>((when - start_ + kTick - Duration(1)) / kTick);
}

void TimerWheel::insert(Deadline& deadline, std::size_t slot) noexcept {
  deadline.slot_ = static_cast<std::uint32_t>(slot);
  deadline.previous_ = nullptr;
  deadline.next_ = slots_[slot];
  if (deadline.next_ != nullptr) deadline.next_->previous_ = &deadline;
  slots_[slot] = &deadline;
  if (slot != kFiring) occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  ++linked_;
}

void TimerWheel::remove(Deadline& deadline) noexcept {
  const std::size_t slot = deadline.slot_;
  if (deadline.previous_ != nullptr) {
    deadline.previous_->next_ = deadline.next_;
  } else {
    slots_[slot] = deadline.next_;
    if (deadline.next_ == nullptr && slot != kFiring) {
      occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    }
  }
  if (deadline.next_ != nullptr) deadline.next_->previous_ = deadline.previous_;
  deadline.previous_ = deadline.next_ = nullptr;
  deadline.armed_tick_ = UINT64_MAX;
  --linked_;
}

void TimerWheel::link(Deadline& deadline, std::uint64_t tick) {
  if (tick <= current_tick_) tick = current_tick_ + 1;
  deadline.armed_tick_ = tick;
  insert(deadline, tick % kSlots);
  if (tick < armed_tick_) arm(tick);
}

void TimerWheel::advance(TimePoint now) {
  const std::uint64_t target =
      now <= start_ ? 0 : static_cast<std::uint64_t>((now - start_) / kTick);
  armed_tick_ = UINT64_MAX;
  if (target > current_tick_ + kSlots) {
    // After a long pause each slot needs one look, not one for each tick that passed.
    current_tick_ = target - kSlots;
  }
  while (current_tick_ < target && linked_ != 0) {
    ++current_tick_;
    const std::size_t slot = current_tick_ % kSlots;
    if (slots_[slot] != nullptr) fire_slot(slot, target, now);
  }
  if (current_tick_ < target) current_tick_ = target;
  arm_next();
}

void TimerWheel::fire_slot(std::size_t slot, std::uint64_t target, TimePoint now) {
  // Moved aside first: a callback may set, clear or destroy any deadline, its own and its
  // neighbours' too.
  while (slots_[slot] != nullptr) {
    Deadline& entry = *slots_[slot];
    const std::uint64_t tick = entry.armed_tick_;
    remove(entry);
    entry.armed_tick_ = tick;
    insert(entry, kFiring);
  }
  while (slots_[kFiring] != nullptr) {
    Deadline& entry = *slots_[kFiring];
    const std::uint64_t tick = entry.armed_tick_;
    remove(entry);
    if (tick > target) {
      link(entry, tick);
    } else if (entry.when_ <= now) {
      entry.when_ = TimePoint::max();
      entry.callback_(entry.object_);
    } else if (entry.when_ != TimePoint::max()) {
      link(entry, tick_of(entry.when_));
    }
  }
}

void TimerWheel::arm(std::uint64_t tick) {
  armed_tick_ = tick;
  timer_.expires_at(std::chrono::time_point_cast<Clock::duration>(
      start_ + static_cast<std::int64_t>(tick) * kTick));
  timer_.async_wait([this](ErrorCode error) {
    if (!error) advance(now());
  });
}

void TimerWheel::arm_next() {
  if (linked_ == 0) return;
  for (std::uint64_t offset = 1; offset <= kSlots;) {
    const std::uint64_t tick = current_tick_ + offset;
    const std::size_t slot = tick % kSlots;
    const std::uint64_t word = occupied_[slot / 64] >> (slot % 64);
    if (word != 0) {
      const std::uint64_t found = tick + static_cast<std::uint64_t>(std::countr_zero(word));
      if (found < armed_tick_) arm(found);
      return;
    }
    offset += 64 - slot % 64;
  }
}

}  // namespace sluice::net
