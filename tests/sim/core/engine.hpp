// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace sluice::sim {

using namespace std::chrono_literals;

/// Simulated time: events in the order of their time, those of one instant in the order in which
/// they were asked for. Single-threaded; one per run. Nothing here reads a clock.
class Engine {
 public:
  using Action = std::move_only_function<void()>;

  /// Well after the clock's zero, so that "never" and "long ago" differ from it.
  static constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));

  [[nodiscard]] TimePoint now() const noexcept { return now_; }
  [[nodiscard]] Duration elapsed() const noexcept { return now_ - kStart; }

  void at(TimePoint when, Action action);
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }
  /// Every `period` from now on, for as long as `action` returns true.
  void every(Duration period, std::move_only_function<bool()> action);

  /// Until nothing is left or the time has come; then now() is `until` at most.
  void run(TimePoint until);
  void run_for(Duration time) { run(now_ + time); }
  /// Until nothing is left.
  void run_dry() { run(TimePoint::max()); }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t order;
    Action action;
  };
  static bool later(const Event& a, const Event& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  std::vector<Event> heap_;
  TimePoint now_ = kStart;
  std::uint64_t order_ = 0;
};

}  // namespace sluice::sim
