// SPDX-License-Identifier: Apache-2.0
// What is under way, and a look at it every few milliseconds: late calls may get a second attempt.
// That costs less than a timer for each call.
#include <vector>

#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

constexpr Duration kSweepEvery = std::chrono::milliseconds(5);

}  // namespace

void Worker::enter(Exchange& exchange) noexcept {
  exchange.older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = &exchange;
  newest_ = &exchange;
  if (hedging_ && !sweeping_) {
    sweeping_ = true;
    sweep_.set(exchange.started() + kSweepEvery);
  }
}

void Worker::leave(Exchange& exchange) noexcept {
  if (exchange.older_ != nullptr) {
    exchange.older_->newer_ = exchange.newer_;
  } else if (oldest_ == &exchange) {
    oldest_ = exchange.newer_;
  }
  if (exchange.newer_ != nullptr) {
    exchange.newer_->older_ = exchange.older_;
  } else if (newest_ == &exchange) {
    newest_ = exchange.older_;
  }
  exchange.older_ = exchange.newer_ = nullptr;
}

void Worker::sweep() {
  sweeping_ = oldest_ != nullptr;
  if (!sweeping_) return;
  const TimePoint time = loop_.read_clock();
  sweep_.set(time + kSweepEvery);
  // A hedge may end other calls at once: those that are looked at are held meanwhile.
  std::vector<net::Ref<Exchange>> late;
  for (Exchange* at = oldest_;
       at != nullptr && time - at->started() >= policy::HedgeOptions().delay_min; at = at->newer_) {
    if (at->may_hedge()) late.emplace_back(at);
  }
  for (const auto& exchange : late) exchange->consider_hedges(time);
}

}  // namespace sluice::proxy
