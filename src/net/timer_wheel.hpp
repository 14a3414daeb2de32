// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "net/asio.hpp"

namespace sluice::net {

class TimerWheel;

/// One deadline of one object. Setting a later deadline is a store: the wheel finds out when the
/// earlier one comes up, so a deadline that moves with every call costs nothing. Owned by the
/// object it belongs to; leaving scope disarms it. The callback is a plain function with the object
/// as its argument and may destroy the object.
class Deadline {
 public:
  using Callback = void (*)(void* object);

  Deadline(TimerWheel& wheel, Callback callback, void* object) noexcept
      : wheel_(wheel), callback_(callback), object_(object) {}
  ~Deadline() { unlink(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// Fires once at `when`, rounded up to the wheel's tick (1 ms).
  void set(TimePoint when);
  void clear() noexcept { when_ = TimePoint::max(); }
  [[nodiscard]] TimePoint when() const noexcept { return when_; }

 private:
  friend class TimerWheel;
  void unlink() noexcept;

  TimerWheel& wheel_;
  Callback callback_;
  void* object_;
  TimePoint when_ = TimePoint::max();
  std::uint64_t armed_tick_ = UINT64_MAX;
  std::uint32_t slot_ = 0;
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
};

/// Hashed timer wheel (Varghese and Lauck, 1987) of 1 ms ticks, one per worker, driven by a single
/// Asio timer that is armed for the next occupied slot only. Lives on its io_context's thread;
/// outlives every Deadline that is still to be set. Deadlines may be destroyed after it: those of
/// objects that only their unfinished operations keep go with the io_context, which goes last.
class TimerWheel {
 public:
  explicit TimerWheel(asio::io_context& io);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Fires all that is due at `now`: the Asio timer's duty, public for tests on simulated time.
  void advance(TimePoint now);

 private:
  friend class Deadline;
  static constexpr std::size_t kSlots = 4096;
  /// The list of entries that advance() is working through.
  static constexpr std::size_t kFiring = kSlots;

  [[nodiscard]] std::uint64_t tick_of(TimePoint when) const noexcept;
  void insert(Deadline& deadline, std::size_t slot) noexcept;
  void remove(Deadline& deadline) noexcept;
  void link(Deadline& deadline, std::uint64_t tick);
  void fire_slot(std::size_t slot, std::uint64_t target, TimePoint now);
  void arm(std::uint64_t tick);
  void arm_next();

  Timer timer_;
  TimePoint start_;
  std::uint64_t current_tick_ = 0;
  std::uint64_t armed_tick_ = UINT64_MAX;
  std::uint64_t linked_ = 0;
  std::array<Deadline*, kSlots + 1> slots_{};
  std::array<std::uint64_t, kSlots / 64> occupied_{};
};

}  // namespace sluice::net
