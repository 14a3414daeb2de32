// SPDX-License-Identifier: Apache-2.0
#include "sim/core/engine.hpp"

#include <algorithm>
#include <memory>

namespace sluice::sim {

void Engine::at(TimePoint when, Action action) {
  heap_.push_back({std::max(when, now_), order_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void Engine::every(Duration period, std::move_only_function<bool()> action) {
  after(period, [this, period, action = std::move(action)]() mutable {
    if (action()) every(period, std::move(action));
  });
}

void Engine::run(TimePoint until) {
  while (!heap_.empty() && heap_.front().when <= until) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.when;
    event.action();
  }
  if (until != TimePoint::max()) now_ = std::max(now_, until);
}

}  // namespace sluice::sim
