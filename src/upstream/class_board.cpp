// SPDX-License-Identifier: Apache-2.0
#include "upstream/class_board.hpp"

#include <algorithm>
#include <new>

namespace sluice::upstream {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

/// Of a positive number, in 1/65536, straight between powers of two: at most 0.09 too low.
std::uint64_t log2_fixed(std::uint64_t value) noexcept {
  const auto whole = static_cast<unsigned>(std::bit_width(value)) - 1;
  const std::uint64_t rest = (value << (63 - whole)) & ~(std::uint64_t{1} << 63);
  return std::uint64_t{whole} << 16 | rest >> 47;
}

policy::BreakerOutcome outcome_of(policy::Ended ended) noexcept {
  switch (ended) {
    case policy::Ended::kOk:
      return policy::BreakerOutcome::kOk;
    case policy::Ended::kError:
      return policy::BreakerOutcome::kFailed;
    case policy::Ended::kThrottled:
    case policy::Ended::kCancelled:
      break;
  }
  return policy::BreakerOutcome::kNeutral;
}

}  // namespace

ClassBoard::~ClassBoard() {
  for (Row& row : rows_) {
    for (Cell& cell : row.cells) delete cell.times.load(kRelaxed);
  }
}

void ClassBoard::Cell::record(Duration took) noexcept {
  policy::LatencyHistogram* histogram = times.load(kRelaxed);
  if (histogram == nullptr) {
    histogram = new (std::nothrow) policy::LatencyHistogram;
    if (histogram == nullptr) return;
    times.store(histogram, std::memory_order_release);
  }
  histogram->record(took);
}

ClassBoard::Totals ClassBoard::totals(std::size_t method_class) const noexcept {
  Totals totals;
  for (const Row& row : rows_) {
    const Cell& cell = row.cells[method_class];
    totals.successes += cell.successes.load(kRelaxed);
    totals.failures += cell.failures.load(kRelaxed);
    totals.throttled += cell.throttled.load(kRelaxed);
    totals.log2_ns += cell.log2_ns.load(kRelaxed);
    totals.in_flight += cell.in_flight.load(kRelaxed);
    totals.timed += cell.timed.load(kRelaxed);
    totals.node_ns += cell.node_ns.load(kRelaxed);
  }
  return totals;
}

void Underway::end(policy::Ended ended, Duration took, TimePoint now, Random& random) noexcept {
  ClassBoard* const board = std::exchange(board_, nullptr);
  if (board == nullptr) return;
  add(cell_->in_flight, ~0U);
  if (ended == policy::Ended::kOk) {
    add(cell_->successes, std::uint64_t{1});
    cell_->record(took);
    add(cell_->log2_ns,
        log2_fixed(static_cast<std::uint64_t>(std::max<Duration::rep>(took.count(), 1))));
  } else if (ended == policy::Ended::kError) {
    add(cell_->failures, std::uint64_t{1});
  } else if (ended == policy::Ended::kThrottled) {
    add(cell_->throttled, std::uint64_t{1});
  }
  auto outcome = reached_ ? outcome_of(ended) : policy::BreakerOutcome::kNeutral;
  if (answered_ && ended == policy::Ended::kCancelled) outcome = policy::BreakerOutcome::kOk;
  static_cast<void>(board->breaker(method_class_).record(pass_, outcome, now, random));
}

void Underway::drop() noexcept {
  if (board_ == nullptr) return;
  // Neutral: neither the time nor chance matter.
  Random none(0);
  end(policy::Ended::kCancelled, Duration::zero(), started_, none);
}

}  // namespace sluice::upstream
