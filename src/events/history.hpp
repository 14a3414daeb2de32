// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "events/kinds.hpp"

namespace sluice::events {

/// One event as it goes out: rendered once, shared by all who send it. Immutable.
struct Told {
  Kind kind = Kind::kReady;
  /// Place among all events, from 1 on; those of debug level have places too.
  std::uint64_t order = 0;
  /// From 1 on without a hole; 0 for events of debug level, which cannot be asked for later.
  std::uint64_t id = 0;
  /// What stands for `id` outside: it also names the process, whose numbers begin anew.
  std::string id_text;
  std::string json;  ///< one JSON object without a line feed
};
using ToldPtr = std::shared_ptr<const Told>;

/// The last events of one sort, at most `max`, numbered without a hole from 1 on. A plain value,
/// without a thread of its own.
class Ring {
 public:
  explicit Ring(std::size_t max) : max_(max) {}

  void push(ToldPtr event) {
    if (kept_.size() == max_) {
      kept_.pop_front();
      ++first_;
    }
    kept_.push_back(std::move(event));
  }
  /// The number of the oldest that is kept, and the one that the next will get.
  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t next() const noexcept { return first_ + kept_.size(); }
  /// Null beyond the newest; `number` >= first().
  [[nodiscard]] const Told* at(std::uint64_t number) const noexcept {
    return number < next() ? kept_[number - first_].get() : nullptr;
  }
  [[nodiscard]] const ToldPtr& held(std::uint64_t number) const noexcept {
    return kept_[number - first_];
  }

 private:
  std::size_t max_;
  std::uint64_t first_ = 1;
  std::deque<ToldPtr> kept_;
};

}  // namespace sluice::events
